import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PlatformError } from '../../domain/errors.ts';
import { labelNames } from '../../domain/labels.ts';
import { type Download, debianArchitecture, downloadBareDebian } from './apt-download.ts';
import { buildImage, type ImageDeps } from './base-image.ts';
import { readHostApt } from './debian-tools.ts';
import { unpackPackages } from './unpack-packages.ts';

const configurePath = fileURLToPath(new URL('configure.sh', import.meta.url));
/** The folder of the packages in the image until they are configured. */
const packagesFolder = 'packages';
const path = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** An image of Debian to make stacks on. */
export interface BaseImage {
  readonly tag: string;
  /** For messages to people. */
  readonly name: string;
  /** Removes the image. Call it when no stack needs it any more. */
  dispose(): Promise<void>;
}

/**
 * `debian:SUITE-slim` from the engine or its registry. If neither has it, an equal image is made from packages, provided
 * that this host has apt. Throws `unavailable` with the reason of each failed way.
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
  deps.progress(`${name} is not available, making it from packages`);
  return await makeDebianBase({ suite, architecture, apt: await readHostApt() }, deps);
}

/** Gives the image a name of our own, so that the user's own copy keeps its labels. Null when the engine cannot get it. */
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
 * Makes an image like a registry's `debian:SUITE-slim`. Needs no root on the host: the packages' files are unpacked into
 * an image, and a container of that image configures them as its root. Throws `unavailable`.
 */
export async function makeDebianBase(debian: Omit<Download, 'directory'>, deps: ImageDeps): Promise<BaseImage> {
  const { engine, progress, signal } = deps;
  // Not /tmp: it is in memory on a Debian 13 host.
  const directory = mkdtempSync(join('/var/tmp', 'paas-debian-'));
  const tag = newTag(`debian:${debian.suite}`);
  const unpackedTag = `${tag}-unpacked`;
  try {
    progress(`downloading a bare Debian ${debian.suite} with apt`);
    const packages = await downloadBareDebian({ ...debian, directory }, signal);
    progress('unpacking its files into an image');
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

/** The result has one layer, so the package files of the unpacked image are not in it. */
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
