import { Readable } from 'node:stream';
import { errorCode, PlatformError } from '../domain/errors.ts';
import { nameOf, shownName } from '../domain/file-name.ts';
import type { SourceEntry, SourceTree } from '../domain/push.ts';
import { gitArguments } from './git-command.ts';
import type { GitLimits } from './limits.ts';
import type { Repository } from './repository.ts';
import { mebibytes, readListing } from './source-listing.ts';

const regularModes: ReadonlySet<string> = new Set(['100644', '100755']);
const gitlinkMode = '160000';
const linkMode = '120000';
/** Linux allows no longer target of a link (PATH_MAX with its NUL). */
const linkBytes = 4095;
/** tar adds this to an entry at most: its header, padding, and the header of a long path. */
const tarBytesPerEntry = 3 * 1024;

/**
 * The source of a commit, checked against the limits. Listing and reading it then costs little. Throws `invalid_params`
 * when `id` is not a commit, and `too_large` with the numbers.
 */
export async function openSourceTree(
  repository: Repository,
  id: string,
  { limits, signal }: { limits: GitLimits; signal: AbortSignal },
): Promise<SourceTree> {
  const type = await repository.read({ name: 'cat-file', options: ['-t'], revisions: [id] }, { maxBytes: 64, signal });
  if (type.toString().trim() !== 'commit') {
    throw new PlatformError(
      'invalid_params',
      `${id.slice(0, 7)} is a ${type.toString().trim()}, and only a commit can be deployed.`,
      {
        hint: 'For a tag, push the commit it names: git push paas TAG^{commit}:main',
      },
    );
  }
  const [treeId, entries] = await Promise.all([
    readTreeId(repository, id, signal),
    listTree(repository, id, { limits, signal }),
  ]);
  const byPath = new Map(entries.map((entry) => [entry.path, entry]));
  return {
    commit: id,
    treeId,
    list: async () => entries,
    async readFile(path, maxBytes) {
      const entry = byPath.get(path);
      if (!entry || !regularModes.has(entry.mode)) return null;
      if (entry.sizeBytes > maxBytes) {
        throw new PlatformError(
          'too_large',
          `${shownName(path)} has ${entry.sizeBytes} bytes, and ${maxBytes} is the limit.`,
        );
      }
      return await repository.read(
        { name: 'cat-file', options: ['blob'], revisions: [entry.objectId] },
        { maxBytes: entry.sizeBytes, signal },
      );
    },
    async readLink(path) {
      const entry = byPath.get(path);
      if (entry?.mode !== linkMode) return null;
      const command = { name: 'cat-file', options: ['blob'], revisions: [entry.objectId] };
      return nameOf(await repository.read(command, { maxBytes: linkBytes, signal }));
    },
    archive: async (stop) =>
      archive(repository, id, {
        maxBytes: limits.treeBytes + entries.length * tarBytesPerEntry + 1024 * 1024,
        signal: AbortSignal.any([stop, signal]),
      }),
  };
}

/** Whether the repository has this object and it is a commit. */
export async function hasCommit(repository: Repository, id: string, signal: AbortSignal): Promise<boolean> {
  const command = { name: 'cat-file', options: ['-t'], revisions: [id] };
  try {
    return (await repository.read(command, { maxBytes: 64, signal })).toString().trim() === 'commit';
  } catch (error) {
    // git gives the same error for a missing object as for a broken repository.
    if (errorCode(error) === 'internal') return false;
    throw error;
  }
}

async function readTreeId(repository: Repository, id: string, signal: AbortSignal): Promise<string> {
  const command = { name: 'rev-parse', options: ['--verify', '--quiet'], revisions: [`${id}^{tree}`] };
  const output = await repository.read(command, { maxBytes: 256, signal });
  // rev-parse of git 2.39 repeats `--end-of-options` as a line of its own.
  return output.toString().trim().split('\n').at(-1) ?? '';
}

function listTree(
  repository: Repository,
  id: string,
  { limits, signal }: { limits: GitLimits; signal: AbortSignal },
): Promise<readonly SourceEntry[]> {
  // -t lists the folders too. A hostile tree may consist only of folders, and ls-tree would then print nothing for long.
  const command = { name: 'ls-tree', options: ['-r', '-t', '-l', '-z', '--full-tree'], revisions: [id] };
  return readListing(repository.stream(command, { signal }), limits);
}

/**
 * The tree as `git archive` writes it: without files that the source's attributes mark as export-ignore, and with
 * submodules as empty folders. Ends with `too_large` over `maxBytes`, because attributes can make a file larger than
 * its blob.
 */
function archive(
  repository: Repository,
  id: string,
  { maxBytes, signal }: { maxBytes: number; signal: AbortSignal },
): Readable {
  async function* bytes(): AsyncGenerator<Buffer> {
    signal.throwIfAborted();
    const git = repository.start(gitArguments({ name: 'archive', options: ['--format=tar'], revisions: [id] }));
    git.stdin.end();
    const end = () => void git.end();
    signal.addEventListener('abort', end, { once: true });
    let total = 0;
    try {
      for await (const chunk of git.stdout) {
        total += (chunk as Buffer).length;
        if (total > maxBytes) {
          throw new PlatformError('too_large', `The source unpacks to more than ${mebibytes(maxBytes)}.`);
        }
        yield chunk as Buffer;
      }
      const { code } = await git.exited;
      signal.throwIfAborted();
      if (code !== 0) throw new PlatformError('internal', `git archive failed (${code}): ${git.stderr}`);
    } finally {
      signal.removeEventListener('abort', end);
      await git.end();
    }
  }
  return Readable.from(bytes(), { objectMode: false });
}

/** Warnings about parts of the source that the build does not get: submodules and Git LFS files. */
export async function sourceWarnings(source: SourceTree): Promise<readonly string[]> {
  const entries = await source.list();
  const warnings: string[] = [];
  const submodules = entries.filter(({ mode }) => mode === gitlinkMode).map(({ path }) => path);
  if (submodules.length > 0) {
    const more = submodules.length > 3 ? ` and ${submodules.length - 3} more` : '';
    warnings.push(
      `Submodules are not fetched; empty in the build: ${submodules.slice(0, 3).map(shownName).join(', ')}${more}`,
    );
  }
  const pointer = await findLfsPointer(source, entries);
  if (pointer) {
    warnings.push(`Git LFS files are not fetched: the build sees the pointer in place of ${shownName(pointer)}`);
  }
  return warnings;
}

/** git-lfs/docs/spec.md: a pointer is under 1,024 bytes and begins with its version. In practice it has 120 to 140. */
const pointerStart = 'version https://git-lfs.github.com/spec/';
const attributesBytes = 64 * 1024;
const samples = 5;

async function findLfsPointer(source: SourceTree, entries: readonly SourceEntry[]): Promise<string | null> {
  const attributes = entries.filter(
    ({ path, sizeBytes }) =>
      (path === '.gitattributes' || path.endsWith('/.gitattributes')) && sizeBytes <= attributesBytes,
  );
  for (const { path } of attributes.slice(0, samples)) {
    const text = (await source.readFile(path, attributesBytes))?.toString() ?? '';
    if (!text.includes('filter=lfs')) continue;
    const candidates = entries.filter(
      ({ mode, sizeBytes }) => regularModes.has(mode) && sizeBytes >= 120 && sizeBytes <= 160,
    );
    for (const candidate of candidates.slice(0, samples)) {
      const content = await source.readFile(candidate.path, 1024);
      if (content?.toString().startsWith(pointerStart)) return candidate.path;
    }
  }
  return null;
}
