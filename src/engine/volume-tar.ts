import { randomBytes } from 'node:crypto';
import type { Readable } from 'node:stream';
import type { ContainerExit, EngineContainers } from '../domain/containers.ts';
import { type ErrorCode, PlatformError } from '../domain/errors.ts';
import type { AttachedStreams } from '../domain/exec.ts';
import type { VolumeCopy } from '../domain/volume-copy.ts';

const megabyte = 1024 * 1024;
const lastMessagesBytes = 4096;

/** POSIX.1-2001, for sizes without a limit and fractions of seconds. Owners by number, because names are of another system. */
const writing = ['--create', '--format=posix', '--pax-option=delete=atime,delete=ctime', '--numeric-owner'];
/** `--same-owner` makes a tar with files of another owner fail. Without it tar would give the files to its own user. */
const reading = ['--extract', '--numeric-owner', '--same-owner', '--same-permissions', '--delay-directory-restore'];

interface RunningTar extends AttachedStreams, AsyncDisposable {
  /** The last bytes of its stderr. */
  readonly messages: Promise<string>;
  /** Throws unless tar succeeded. */
  finished(signal: AbortSignal, what: string): Promise<void>;
}

/** Starts tar in a container. Disposal removes the container in any state. */
export async function startTar(
  containers: EngineContainers,
  { volume, image, user, path, labels }: VolumeCopy,
  { writes, signal }: { readonly writes: boolean; readonly signal: AbortSignal },
): Promise<RunningTar> {
  signal.throwIfAborted();
  const id = await containers.create({
    name: `${volume}-${writes ? 'import' : 'export'}-${randomBytes(4).toString('hex')}`,
    image,
    // The engine keeps no log of a build container. With a log it would store the whole volume again.
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
  // If a container ends while its output is unread, kill, inspect and remove of it hang on Docker 20.10. So detach first.
  const detached = new AbortController();
  const remove = () => {
    detached.abort();
    return containers.remove(id);
  };
  try {
    const streams = await containers.attach(id, AbortSignal.any([signal, detached.signal]));
    const messages = lastMessages(streams.stderr);
    await containers.start(id);
    return {
      ...streams,
      messages,
      async finished(patience, what) {
        const exit = await containers.wait(id, patience);
        if (exit.exitCode !== 0) throw tarFailed(what, exit, await messages);
      },
      [Symbol.asyncDispose]: remove,
    };
  } catch (error) {
    await remove();
    throw error;
  }
}

async function lastMessages(stderr: Readable): Promise<string> {
  let messages = '';
  for await (const chunk of stderr as AsyncIterable<Buffer>)
    messages = (messages + chunk.toString()).slice(-lastMessagesBytes);
  return messages;
}

/** The count in "Total bytes written: 10240 (10KiB, 12MiB/s)", the last message of tar with `--totals` if it succeeded. */
export function totalBytes(messages: string): number | null {
  const count = /^Total bytes (?:written|read): (\d+)/m.exec(messages)?.[1];
  return count === undefined ? null : Number(count);
}

function tarFailed(what: string, { exitCode }: ContainerExit, messages: string): PlatformError {
  const lines = messages.split('\n').filter((line) => /^tar: (?!Exiting)/.test(line));
  const reason = lines.at(-1)?.replace(/^tar: /, '') ?? `tar ended with exit code ${exitCode}`;
  const changed = exitCode === 1 ? { hint: 'Stop or pause what writes to the volume.' } : {};
  return new PlatformError(codeOf(exitCode, messages), `The engine could not ${what}: ${reason}`, changed);
}

/** Exit code 1: files changed while they were read. 2: a fatal error. Source: GNU tar's manual, "tar synopsis". */
function codeOf(exitCode: number, messages: string): ErrorCode {
  if (exitCode === 1) return 'conflict';
  if (/No space left|Disk quota/i.test(messages)) return 'no_capacity';
  return /Permission denied|Operation not permitted/i.test(messages) ? 'forbidden' : 'internal';
}
