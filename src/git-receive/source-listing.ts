import { PlatformError } from '../domain/errors.ts';
import { nameBytes, nameOf, shownName } from '../domain/file-name.ts';
import type { SourceEntry } from '../domain/push.ts';

export interface ListingLimits {
  readonly entries: number;
  readonly treeBytes: number;
}

/** Linux allows no longer path (PATH_MAX), so a tree with one could not be unpacked. */
const pathBytes = 4096;
/** Linux allows no longer name of a file or folder (NAME_MAX). */
const nameLimit = 255;
/** All paths together. A hundred thousand long ones would only cost memory. */
const listingBytes = 64 * 1024 * 1024;

/** Mode, type, id and size, before the tab and the path. */
const columnBytes = 128;
const columns = /^(\d{6}) (blob|tree|commit) ([0-9a-f]{40}|[0-9a-f]{64}) +(\d+|-)$/;

/**
 * The blobs, links and submodules in the output of `git ls-tree -r -t -l -z`. Reads the output as it comes, and stops
 * at the first entry over a limit: a 200 KB push can hold a tree of 10^10 files, or of folders without files. Throws
 * `too_large` with the numbers.
 */
export async function readListing(
  chunks: AsyncIterable<Buffer>,
  limits: ListingLimits,
): Promise<readonly SourceEntry[]> {
  const entries: SourceEntry[] = [];
  let count = 0;
  let treeBytes = 0;
  for await (const lines of linesOf(chunks)) {
    for (const line of lines) {
      count += 1;
      if (count > limits.entries) {
        throw tooLarge(
          `more than ${number(limits.entries)} files and folders`,
          'Leave out what a build can make again',
        );
      }
      const entry = parseEntry(line);
      if (!entry) continue;
      treeBytes += entry.sizeBytes;
      if (treeBytes > limits.treeBytes) {
        const path = `"${shownName(entry.path)}"`;
        throw tooLarge(
          `more than ${mebibytes(limits.treeBytes)} (${mebibytes(treeBytes)} with ${path}, file ${number(count)})`,
          'Keep large files elsewhere',
        );
      }
      entries.push(entry);
    }
  }
  return entries;
}

/** Splits at NUL, one array per chunk. Holds one chunk and one incomplete line at a time. */
async function* linesOf(chunks: AsyncIterable<Buffer>): AsyncGenerator<readonly string[]> {
  let rest: Buffer = Buffer.alloc(0);
  let bytes = 0;
  for await (const chunk of chunks) {
    bytes += chunk.length;
    if (bytes > listingBytes) throw tooLarge(`paths of more than ${mebibytes(listingBytes)} together`, 'Shorten them');
    const data = rest.length > 0 ? Buffer.concat([rest, chunk]) : chunk;
    const end = data.lastIndexOf(0);
    rest = data.subarray(end + 1);
    if (rest.length > pathBytes + columnBytes) throw pathTooLong();
    if (end >= 0) yield nameOf(data.subarray(0, end)).split('\0');
  }
}

/** Null for a folder. */
function parseEntry(line: string): SourceEntry | null {
  const tab = line.indexOf('\t');
  const path = line.slice(tab + 1);
  // A UTF-16 code unit has at most three bytes in UTF-8.
  if (path.length > pathBytes / 3 && nameBytes(path).length > pathBytes) throw pathTooLong();
  if (path.length > nameLimit / 3) checkNames(path);
  const [, mode = '', type, objectId = '', size] = columns.exec(line.slice(0, Math.max(tab, 0))) ?? [];
  if (!type) throw new PlatformError('internal', `git listed a tree in an unknown form: ${JSON.stringify(line)}`);
  if (type === 'tree') return null;
  return { path, mode, objectId, sizeBytes: size === '-' ? 0 : Number(size) };
}

function checkNames(path: string): void {
  const long = path.split('/').find((name) => nameBytes(name).length > nameLimit);
  if (long !== undefined) {
    const start = shownName(long.slice(0, 40));
    throw tooLarge(
      `a name of ${nameBytes(long).length} bytes (it begins with "${start}"), and ${nameLimit} is the limit`,
      'Shorten it',
    );
  }
}

function pathTooLong(): PlatformError {
  return tooLarge(`a path of more than ${number(pathBytes)} bytes`, 'Shorten it');
}

function tooLarge(what: string, remedy: string): PlatformError {
  return new PlatformError('too_large', `The source has ${what}.`, {
    hint: `${remedy}, and name it in .gitignore or take it out with: git rm -r --cached PATH`,
  });
}

function number(value: number): string {
  return value.toLocaleString('en-US');
}

export function mebibytes(bytes: number): string {
  return `${number(Math.ceil(bytes / (1024 * 1024)))} MiB`;
}
