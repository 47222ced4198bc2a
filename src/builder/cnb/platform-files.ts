import { pack } from 'tar-stream';
import type { ConfigVars } from '../../domain/config-vars.ts';
import { caBundlePath } from '../host-trust.ts';
import { type Buildpack, buildpackFiles, escapedId } from './buildpack.ts';

export const platformDir = '/platform';
const buildpacksDir = '/workspace/buildpacks';

/** The buildpack's folder in the jail. */
export function buildpackDir(buildpack: Buildpack): string {
  return `${buildpacksDir}/${escapedId(buildpack.id)}/${buildpack.version}`;
}

/**
 * All that a build needs besides the source, as a tar for the jail's root: the buildpacks, the config vars as files
 * (platform spec, `<platform>/env`), and the host's certificates. No layer is made from these paths.
 */
export async function platformFiles(content: {
  readonly buildpacks: readonly Buildpack[];
  readonly config: ConfigVars;
  readonly caBundle: Buffer | null;
}): Promise<AsyncIterable<Uint8Array>> {
  const tar = pack();
  const add = (path: string, content: Buffer, mode: number) => tar.entry({ name: path.slice(1), mode }, content);
  if (content.caBundle) add(caBundlePath, content.caBundle, 0o644);
  for (const [name, value] of Object.entries(content.config)) {
    add(`${platformDir}/env/${name}`, Buffer.from(value), 0o600);
  }
  for (const buildpack of content.buildpacks) {
    for (const file of await buildpackFiles(buildpack.path)) {
      add(`${buildpackDir(buildpack)}/${file.path}`, file.content, file.executable ? 0o755 : 0o644);
    }
  }
  tar.finalize();
  return tar as AsyncIterable<Uint8Array>;
}

/** A tar for /platform that points buildpacks to the shared runtimes: `<platform>/runtimes/<name>` holds the folder's path. */
export function runtimeFiles(paths: Readonly<Record<string, string>>): AsyncIterable<Uint8Array> {
  const tar = pack();
  for (const [name, path] of Object.entries(paths)) tar.entry({ name: `runtimes/${name}` }, path);
  tar.finalize();
  return tar as AsyncIterable<Uint8Array>;
}
