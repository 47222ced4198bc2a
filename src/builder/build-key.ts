import { createHash, createHmac, randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { Stack } from '../domain/builder.ts';
import type { ConfigVars } from '../domain/config-vars.ts';
import type { SourceEntry } from '../domain/push.ts';
import { writeWhole } from '../system/durable-file.ts';
import { readIfThere } from './files.ts';
import { anyOf, matchesAny } from './glob.ts';
import type { BuildProposal } from './strategy.ts';

/** Raise it when equal sources would build to something else than before, in a way that no digest shows. */
export const builderGeneration = 1;

/** Equal keys, equal artifact (contracts/buildpacks.md §2.3). */
export function buildKey(proposal: BuildProposal, treeId: string, stack: Stack, settings: string): string {
  const parts = [builderGeneration, proposal.kind, treeId, proposal.ingredients, stackParts(stack), settings];
  return sha256(JSON.stringify(parts));
}

export function stackParts(stack: Stack): readonly string[] {
  return [stack.buildImageId, stack.runImageId];
}

/** One word for the content of those entries that match. */
export function entriesDigest(entries: readonly SourceEntry[], patterns: readonly string[]): string {
  const matches = anyOf(patterns);
  const matching = entries.filter(({ path }) => matches(path)).sort(byPath);
  return sha256(JSON.stringify(matching.map(({ path, mode, objectId }) => [path, mode, objectId])));
}

function byPath(a: SourceEntry, b: SourceEntry): number {
  return a.path < b.path ? -1 : Number(a.path > b.path);
}

/** One word for which of those entries are there. */
export function presenceDigest(entries: readonly SourceEntry[], patterns: readonly string[]): string {
  const matches = anyOf(patterns);
  return sha256(JSON.stringify(entries.filter(({ path }) => matches(path)).map(({ path }) => path)));
}

/**
 * Digests of config vars. Keyed, because a digest of a short secret is as good as the secret to whoever may try: the key
 * is made once and lies in the cache, where losing it costs one build per app.
 */
export class SettingsDigest {
  readonly #key: Buffer;

  static async open(cacheDir: string): Promise<SettingsDigest> {
    const path = join(cacheDir, 'settings-digest.key');
    const existing = await readIfThere(path);
    if (existing?.length === 32) return new SettingsDigest(existing);
    const key = randomBytes(32);
    await writeWhole(path, key);
    return new SettingsDigest(key);
  }

  private constructor(key: Buffer) {
    this.#key = key;
  }

  /** Of all of them, or of those whose names match. */
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
