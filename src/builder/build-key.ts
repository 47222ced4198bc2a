import { createHash, createHmac, randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { Stack } from '../domain/builder.ts';
import type { ConfigVars } from '../domain/config-vars.ts';
import type { SourceEntry } from '../domain/push.ts';
import { writeCache } from '../system/durable-file.ts';
import { throughLinks } from './control-files.ts';
import { readIfThere } from './files.ts';
import { anyOf, matchesAny } from './glob.ts';
import type { BuildProposal, Source } from './strategy.ts';

/** Raise it when a change of the builder makes other images from equal sources, and no digest shows that change. */
export const builderGeneration = 2;

/** Equal keys, equal artifact (contracts/buildpacks.md §2.3). */
export function buildKey(
  { kind, ingredients }: Pick<BuildProposal, 'kind' | 'ingredients'>,
  inputs: {
    readonly treeId: string;
    readonly stack: Stack;
    readonly settings: string;
    readonly cacheGeneration: number;
  },
): string {
  const { treeId, stack, settings, cacheGeneration } = inputs;
  const parts = [builderGeneration, kind, treeId, ingredients, stackParts(stack), settings, cacheGeneration];
  return sha256(JSON.stringify(parts));
}

export function stackParts(stack: Stack): readonly string[] {
  return [stack.buildImageId, stack.runImageId];
}

/** A digest of the paths, modes and contents of the entries that match. Where one is a link, all of the tree counts. */
export function entriesDigest(
  { entries, tree }: Pick<Source, 'entries' | 'tree'>,
  patterns: readonly string[],
): string {
  const matches = anyOf(patterns);
  const matching = entries.filter(({ path }) => matches(path)).sort(byPath);
  const linked = throughLinks(entries, matches, patterns) ? [tree.treeId] : [];
  return sha256(JSON.stringify([...matching.map(({ path, mode, objectId }) => [path, mode, objectId]), ...linked]));
}

function byPath(a: SourceEntry, b: SourceEntry): number {
  return a.path < b.path ? -1 : Number(a.path > b.path);
}

/** A digest of the paths of the entries that match, whatever their contents. Where one is a link, all of the tree counts. */
export function presenceDigest(
  { entries, tree }: Pick<Source, 'entries' | 'tree'>,
  patterns: readonly string[],
): string {
  const matches = anyOf(patterns);
  const linked = throughLinks(entries, matches, patterns) ? [tree.treeId] : [];
  return sha256(JSON.stringify([...entries.filter(({ path }) => matches(path)).map(({ path }) => path), ...linked]));
}

/**
 * Digests of config vars. They are keyed, because a short secret could be found from a plain digest by trying. The key is
 * made once and kept in the cache; without it, each app builds once more.
 */
export class SettingsDigest {
  readonly #key: Buffer;

  static async open(cacheDir: string): Promise<SettingsDigest> {
    const path = join(cacheDir, 'settings-digest.key');
    const existing = await readIfThere(path);
    if (existing?.length === 32) return new SettingsDigest(existing);
    const key = randomBytes(32);
    await writeCache(path, key, { durable: true });
    return new SettingsDigest(key);
  }

  private constructor(key: Buffer) {
    this.#key = key;
  }

  /** The digest of all config vars, or of those whose names match. */
  of(config: ConfigVars, patterns: readonly string[] = ['*']): string {
    const vars = Object.entries(config)
      .filter(([name]) => matchesAny(name, patterns))
      .sort(([a], [b]) => (a < b ? -1 : 1));
    return createHmac('sha256', this.#key).update(JSON.stringify(vars)).digest('hex');
  }
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
