import { createHash } from 'node:crypto';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'smol-toml';
import { z } from 'zod';
import { PlatformError } from '../../domain/errors.ts';

/** A buildpack on the platform's disk (Buildpack API, "buildpack.toml"). */
export interface Buildpack {
  readonly id: string;
  readonly version: string;
  /** Shown to people: "Node.js". */
  readonly name: string;
  /** Its folder. */
  readonly path: string;
  /** Changes with any file, name or executable bit in the folder. */
  readonly digest: string;
  /** Config vars are given to it in files only, and not in its environment. */
  readonly clearEnv: boolean;
  /** Null when buildpack.toml has no such section: then its detect and its build run every time. */
  readonly planning: Planning | null;
}

/** `[metadata.paas]`: what the platform knows without running the buildpack. Our own extension; see buildpacks/README.md. */
export interface Planning {
  /** It can apply only when the tree has one of these files. */
  readonly detect: readonly string[];
  /** Files whose content its result depends on. */
  readonly inputs: readonly string[];
  /** Files whose presence its result depends on, whatever their content. */
  readonly presence: readonly string[];
  /** Config vars that its result depends on. */
  readonly env: readonly string[];
  /** Null when it has no runtimes for apps to share. */
  readonly runtime: RuntimeDecision | null;
}

/** The files and config vars that decide which runtimes an app gets. `bin/runtime` sees nothing else of the app. */
export interface RuntimeDecision {
  readonly files: readonly string[];
  /** By path of a JSON file: the keys that it sees. */
  readonly json: Readonly<Record<string, readonly string[]>>;
  /** Config vars. */
  readonly env: readonly string[];
}

export const buildpackApis = ['0.8', '0.9', '0.10', '0.11', '0.12'] as const;

const globs = z.array(z.string()).default([]);
const schema = z.object({
  api: z.string(),
  buildpack: z.object({
    id: z.string().regex(/^[A-Za-z0-9./-]+$/),
    version: z.coerce.string(),
    name: z.string().optional(),
    'clear-env': z.boolean().default(false),
  }),
  metadata: z
    .object({
      paas: z
        .object({
          detect: globs,
          inputs: globs,
          presence: globs,
          env: globs,
          runtime: z
            .object({ files: globs, json: z.record(z.string(), z.array(z.string())).default({}), env: globs })
            .nullable()
            .default(null),
        })
        .optional(),
    })
    .optional(),
});

/** Throws `internal` for an invalid buildpack.toml or an unknown API version: these buildpacks are part of the platform. */
export async function readBuildpack(path: string): Promise<Buildpack> {
  const parsed = schema.safeParse(parse(await readFile(join(path, 'buildpack.toml'), 'utf8')));
  if (!parsed.success) {
    throw new PlatformError('internal', `${path}/buildpack.toml: ${z.prettifyError(parsed.error)}`);
  }
  const { api, buildpack, metadata } = parsed.data;
  if (!buildpackApis.some((known) => known === api)) {
    throw new PlatformError('internal', `${path} wants Buildpack API ${api}; known are ${buildpackApis.join(', ')}.`);
  }
  return {
    id: buildpack.id,
    version: buildpack.version,
    name: buildpack.name ?? buildpack.id,
    path,
    digest: await folderDigest(path),
    clearEnv: buildpack['clear-env'],
    planning: metadata?.paas ?? null,
  };
}

/** `paas/nodejs` → `paas_nodejs`: the id as a part of a path (platform spec, "escaped"). */
export function escapedId(id: string): string {
  return id.replaceAll('/', '_');
}

export interface BuildpackFile {
  /** Relative to the buildpack's folder. */
  readonly path: string;
  readonly executable: boolean;
  readonly content: Buffer;
}

/** All files, in byte order of their paths. Files in `bin/` always count as executable: a copy may have lost their mode. */
export async function buildpackFiles(path: string): Promise<readonly BuildpackFile[]> {
  const entries = await readdir(path, { recursive: true, withFileTypes: true });
  const names = entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(path.length + 1))
    .sort();
  return await Promise.all(
    names.map(async (name) => {
      const file = join(path, name);
      const [content, { mode }] = await Promise.all([readFile(file), stat(file)]);
      return { path: name, executable: name.startsWith('bin/') || (mode & 0o100) !== 0, content };
    }),
  );
}

async function folderDigest(path: string): Promise<string> {
  const hash = createHash('sha256');
  for (const file of await buildpackFiles(path)) {
    hash.update(`${file.path}\0${file.executable ? 'x' : '-'}\0${file.content.length}\0`).update(file.content);
  }
  return `sha256:${hash.digest('hex')}`;
}
