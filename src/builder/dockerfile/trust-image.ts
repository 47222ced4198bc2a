import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { pack } from 'tar-stream';
import { type Engine, labelNames } from '../../domain/engine.ts';
import { buildTrust } from '../build-trust.ts';
import { caBundlePath } from '../host-trust.ts';
import type { BuildTimeTrust } from './rewrite.ts';

const sourcePath = '/ca.crt';
/** Not the system's own path: a package that installs certificates there could not replace a mounted file. */
const targetPath = '/run/paas-host-ca.crt';

/** Known to every Dockerfile, and kept out of the image's history (Docker's reference, "Predefined ARGs"). */
const predefined = new Set(['http_proxy', 'https_proxy', 'all_proxy', 'no_proxy', 'ftp_proxy']);

export interface DockerfileTrust {
  /** Null when the host has no certificates to hand on. */
  readonly mounted: BuildTimeTrust | null;
  /** Values for the arguments that `mounted` names, and proxies. */
  readonly buildArgs: Readonly<Record<string, string>>;
}

/**
 * The host's certificates as an image of one file, for RUN steps to mount: BuildKit takes files from images and from
 * nowhere else without a session. Content-addressed and shared, as the stacks are.
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

/** The image's name as things are; null without certificates. */
export function hostCaTag(): string | null {
  const { caBundle } = buildTrust();
  return caBundle ? tagOf(caBundle) : null;
}

function tagOf(caBundle: Buffer): string {
  return `paas/host-ca:${createHash('sha256').update(caBundle).digest('hex').slice(0, 12)}`;
}
