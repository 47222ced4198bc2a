import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { labelNames } from '../../domain/engine.ts';
import { PlatformError } from '../../domain/errors.ts';
import { type Download, debianArchitecture, downloadBareDebian } from './apt-download.ts';
import { buildImage, type ImageDeps } from './base-image.ts';
import { readHostApt } from './debian-tools.ts';
import { unpackPackages } from './unpack-packages.ts';

const configurePath = fileURLToPath(new URL('configure.sh', import.meta.url));
/** Where the packages lie in the image until they are configured. */
const packagesFolder = 'packages';
const path = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** An image of Debian to make stacks on. */
export interface BaseImage {
  readonly tag: string;
  /** As a person knows it. */
  readonly name: string;
  /** When nothing is made on it any more. */
  dispose(): Promise<void>;
}

/**
 * `debian:SUITE-slim`, as the engine or its registry has it; without them the same made out of packages, where this host
 * has apt. Throws `unavailable` with what each way said.
 */
export async function debianBase(suite: string, deps: ImageDeps): Promise<BaseImage> {
  const name = `debian:${suite}-slim`;
  const fetched = await fromRegistry(name, deps);
  if (fetched) return fetched;
  const architecture = await debianArchitecture();
  if (architecture === null) {
    throw new PlatformError(
      'unavailable',
      `The engine could not get ${name}, and there is no apt here to make it with.`,
      {
        hint: `As root: apt-get install mmdebstrap debian-archive-keyring. Or give the engine a registry that has ${name}.`,
      },
    );
  }
  deps.progress(`${name} cannot be had, making it out of packages`);
  return await makeDebianBase({ suite, architecture, apt: await readHostApt() }, deps);
}

/** Under a name of our own, so that what is somebody else's keeps its labels. Null when the engine has no way to get it. */
async function fromRegistry(name: string, deps: ImageDeps): Promise<BaseImage | null> {
  const tag = newTag(name);
  deps.progress(`asking the engine for ${name}`);
  try {
    await buildImage(deps, { tag, files: { Dockerfile: `FROM ${name}\n` } });
  } catch {
    deps.signal.throwIfAborted();
    return null;
  }
  return { tag, name, dispose: () => deps.engine.images.remove(tag) };
}

function newTag(name: string): string {
  return `paas/${name}-${randomBytes(4).toString('hex')}`;
}

/**
 * What a registry has as `debian:SUITE-slim`, by any user who may use the engine: the packages' files are laid into an
 * image, and a container of it configures them, as root of that container. Throws `unavailable`.
 */
export async function makeDebianBase(debian: Omit<Download, 'directory'>, deps: ImageDeps): Promise<BaseImage> {
  const { engine, progress, signal } = deps;
  // Not /tmp: it is memory on a Debian 13 host.
  const directory = mkdtempSync(join('/var/tmp', 'paas-debian-'));
  const tag = newTag(`debian:${debian.suite}`);
  const unpackedTag = `${tag}-unpacked`;
  try {
    progress(`downloading a bare Debian ${debian.suite} with apt`);
    const packages = await downloadBareDebian({ ...debian, directory }, signal);
    progress('laying its files into an image');
    await engine.images.importRootfs(unpackPackages(packages, { folder: packagesFolder, signal }), unpackedTag, {
      env: [`PATH=${path}`],
      user: '0:0',
      cmd: ['sh'],
      labels: { [labelNames.role]: 'stack' },
    });
    progress('configuring it in a container');
    await configure(deps, { from: unpackedTag, tag });
    return { tag, name: `Debian ${debian.suite}`, dispose: () => engine.images.remove(tag) };
  } finally {
    rmSync(directory, { recursive: true, force: true });
    await engine.images.remove(unpackedTag).catch(() => undefined);
  }
}

/** In one layer: what the first one held besides is not in the image that comes out. */
async function configure(deps: ImageDeps, image: { readonly from: string; readonly tag: string }): Promise<void> {
  const dockerfile = [
    `FROM ${image.from} AS unpacked`,
    `RUN --mount=type=bind,target=/run/base sh /run/base/configure.sh /${packagesFolder}`,
    'FROM scratch',
    'COPY --from=unpacked / /',
    `ENV PATH=${path}`,
    'CMD ["bash"]',
    '',
  ].join('\n');
  await buildImage(deps, {
    tag: image.tag,
    files: { Dockerfile: dockerfile, 'configure.sh': readFileSync(configurePath) },
  });
}
