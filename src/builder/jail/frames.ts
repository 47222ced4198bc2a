import { PlatformError } from '../../domain/errors.ts';
import { nameBytes } from '../../domain/file-name.ts';

const frameBytes = 1024 * 1024;

/** A folder or file of the jail, without the first slash, and the paths in it that are left out, with all below them. */
export interface Tree {
  readonly path: string;
  readonly without: readonly string[];
}

/** The data in frames of at least 1 MiB, except the last. */
export async function* frames(data: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const part of data) {
    if (part.length === 0) continue;
    parts.push(part);
    bytes += part.length;
    if (bytes < frameBytes) continue;
    yield Buffer.concat(parts);
    parts = [];
    bytes = 0;
  }
  if (bytes > 0) yield Buffer.concat(parts);
}

/** A list of words as data: each ends with NUL. Names are as `nameOf` makes them. Throws `internal` for a word that holds one. */
export async function* wordFrames(words: readonly string[]): AsyncGenerator<Uint8Array> {
  if (words.some((word) => word.includes('\0'))) throw new PlatformError('internal', 'A word for a build holds a NUL.');
  yield Buffer.concat(words.map((word) => nameBytes(`${word}\0`)));
}

export function treeWords(trees: readonly Tree[]): readonly string[] {
  return trees.flatMap(({ path, without }) => [path, String(without.length), ...without.map(literal)]);
}

/** Escapes a path for find, which takes patterns. */
function literal(path: string): string {
  return path.replace(/[\\*?[]/g, '\\$&');
}
