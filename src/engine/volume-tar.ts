import { randomBytes } from 'node:crypto';
import type { Readable } from 'node:stream';
import type { ContainerExit, EngineContainers } from '../domain/engine.ts';
import { type ErrorCode, PlatformError } from '../domain/errors.ts';
import type { AttachedStreams } from '../domain/exec.ts';
import type { VolumeCopy } from '../domain/volume-copy.ts';

const megabyte = 1024 * 1024;
const lastWordsBytes = 4096;

/** POSIX.1-2001, so that sizes have no end and times have their fractions; by number, as the names are another system's. */
const writing = ['--create', '--format=posix', '--pax-option=delete=atime,delete=ctime', '--numeric-owner'];
/** A tar that names another owner fails, where tar would by itself give the files to its own user. */
const reading = ['--extract', '--numeric-owner', '--same-owner', '--same-permissions', '--delay-directory-restore'];

interface RunningTar extends AttachedStreams, AsyncDisposable {
  /** Its last ones, on stderr. */
  readonly words: Promise<string>;
  /** Throws unless it ended well. */
  finished(signal: AbortSignal, what: string): Promise<void>;
}

/** The container is gone when this is disposed of, whatever tar was doing. */
export async function startTar(
  containers: EngineContainers,
  { volume, image, user, path, labels }: VolumeCopy,
  { writes, signal }: { readonly writes: boolean; readonly signal: AbortSignal },
): Promise<RunningTar> {
  signal.throwIfAborted();
  const id = await containers.create({
    name: `${volume}-${writes ? 'import' : 'export'}-${randomBytes(4).toString('hex')}`,
    image,
    // Nothing that it writes is kept by the engine: that would be the volume once more, in a log.
    sandbox: 'build',
    labels,
    user,
    entrypoint: ['tar'],
    command: [...(writes ? reading : writing), '--totals', '--file=-', `--directory=${path}`, ...(writes ? [] : ['.'])],
    env: { LC_ALL: 'C' },
    workingDir: '/',
    memoryBytes: 256 * megabyte,
    cpus: 1,
    pids: 32,
    networks: [],
    readOnlyRoot: true,
    volumes: [{ name: volume, path, readOnly: !writes }],
    openStdin: writes,
  });
  // Docker 20.10 holds on to a container that ends while its output is not read: kill, inspect and remove of it hang.
  const detached = new AbortController();
  const remove = () => {
    detached.abort();
    return containers.remove(id);
  };
  try {
    const streams = await containers.attach(id, AbortSignal.any([signal, detached.signal]));
    const words = lastWords(streams.stderr);
    await containers.start(id);
    return {
      ...streams,
      words,
      async finished(patience, what) {
        const exit = await containers.wait(id, patience);
        if (exit.exitCode !== 0) throw tarFailed(what, exit, await words);
      },
      [Symbol.asyncDispose]: remove,
    };
  } catch (error) {
    await remove();
    throw error;
  }
}

async function lastWords(stderr: Readable): Promise<string> {
  let words = '';
  for await (const chunk of stderr as AsyncIterable<Buffer>) words = (words + chunk.toString()).slice(-lastWordsBytes);
  return words;
}

/** "Total bytes written: 10240 (10KiB, 12MiB/s)": the count of `--totals`, tar's last words when it ended well. */
export function totalBytes(words: string): number | null {
  const count = /^Total bytes (?:written|read): (\d+)/m.exec(words)?.[1];
  return count === undefined ? null : Number(count);
}

function tarFailed(what: string, { exitCode }: ContainerExit, words: string): PlatformError {
  const lines = words.split('\n').filter((line) => /^tar: (?!Exiting)/.test(line));
  const said = lines.at(-1)?.replace(/^tar: /, '') ?? `tar ended with exit code ${exitCode}`;
  const changed = exitCode === 1 ? { hint: 'Stop or pause what writes to the volume.' } : {};
  return new PlatformError(codeOf(exitCode, words), `The engine could not ${what}: ${said}`, changed);
}

/** 1: files changed while they were read. 2: something failed for good. Source: GNU tar's manual, "tar synopsis". */
function codeOf(exitCode: number, words: string): ErrorCode {
  if (exitCode === 1) return 'conflict';
  if (/No space left|Disk quota/i.test(words)) return 'no_capacity';
  return /Permission denied|Operation not permitted/i.test(words) ? 'forbidden' : 'internal';
}
