import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { pack } from 'tar-stream';
import type { Engine } from '../../domain/engine.ts';
import { labelNames } from '../../domain/labels.ts';
import { buildTrust } from '../build-trust.ts';
import { caBundlePath } from '../host-trust.ts';
import type { BuildTimeTrust } from './rewrite.ts';

const sourcePath = '/ca.crt';
/** Not the system's own path: a package that installs certificates there cannot replace a mounted file. */
const targetPath = '/run/paas-host-ca.crt';

/** Every Dockerfile has these arguments, and the image's history omits them (Docker's reference, "Predefined ARGs"). */
const predefined = new Set(['http_proxy', 'https_proxy', 'all_proxy', 'no_proxy', 'ftp_proxy']);

export interface DockerfileTrust {
  /** Null when the host has no certificates of its own. */
  readonly mounted: BuildTimeTrust | null;
  /** The values of the arguments that `mounted` names, and of the proxy arguments. */
  readonly buildArgs: Readonly<Record<string, string>>;
}

/**
 * The host's certificates as an image of one file that RUN steps mount. Without a session, BuildKit takes files only from
 * images. The image is named by its content and shared by all platforms of the engine, like the stacks.
 */
export async function dockerfileTrust(engine: Engine): Promise<DockerfileTrust> {
  const { caBundle, env } = buildTrust();
  const all = Object.entries(env);
  const buildArgs = Object.fromEntries(all.map(([name, value]) => [name, value.replaceAll(caBundlePath, targetPath)]));
  const args = all.map(([name]) => name).filter((name) => !predefined.has(name.toLowerCase()));
  if (!caBundle) return { mounted: null, buildArgs };
  const tag = tagOf(caBundle);
  if (!(await engine.images.inspect(tag))) {
    const tar = pack();
    tar.entry({ name: sourcePath.slice(1), mode: 0o644, mtime: new Date(0) }, caBundle);
    tar.finalize();
    const labels = { [labelNames.role]: 'stack' };
    await engine.images.importRootfs(Readable.from(tar, { objectMode: false }), tag, { labels });
  }
  return { mounted: { image: tag, sourcePath, targetPath, args }, buildArgs };
}

/** The image's name for the host's current certificates; null when the host has none. */
export function hostCaTag(): string | null {
  const { caBundle } = buildTrust();
  return caBundle ? tagOf(caBundle) : null;
}

function tagOf(caBundle: Buffer): string {
  return `paas/host-ca:${createHash('sha256').update(caBundle).digest('hex').slice(0, 12)}`;
}
