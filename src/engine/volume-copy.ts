import { PassThrough, type Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { EngineContainers } from '../domain/containers.ts';
import { PlatformError } from '../domain/errors.ts';
import type { VolumeCopy } from '../domain/volume-copy.ts';
import { toPlatformError } from './docker-errors.ts';
import { brokenTar, TarEnd, wholeTar } from './tar-end.ts';
import { startTar, totalBytes } from './volume-tar.ts';

/** See EngineVolumes.exportTar. */
export function exportVolume(containers: EngineContainers, copy: VolumeCopy, signal: AbortSignal): Readable {
  const output = new PassThrough();
  // If the reader goes away, the work ends, even while tar writes nothing.
  const left = new AbortController();
  output.once('close', () => left.abort());
  const bytes = volumeBytes(containers, copy, AbortSignal.any([signal, left.signal]));
  // A failure destroys the output with the error, so that its reader gets it.
  pipeline(bytes, output).catch(() => {});
  return output;
}

async function* volumeBytes(
  containers: EngineContainers,
  copy: VolumeCopy,
  signal: AbortSignal,
): AsyncGenerator<Buffer> {
  const what = `export volume ${copy.volume}`;
  try {
    await using tar = await startTar(containers, copy, { writes: false, signal });
    let bytes = 0;
    for await (const chunk of tar.stdout as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      yield chunk;
    }
    await tar.finished(signal, what);
    // The engine drops unread output: after a broken connection tar succeeds, but has written more than arrived here.
    if (totalBytes(await tar.messages) !== bytes) throw brokeOff(what);
  } catch (error) {
    throw toPlatformError(error, { what, signal });
  }
}

/** See EngineVolumes.importTar. */
export async function importVolume(
  containers: EngineContainers,
  copy: VolumeCopy,
  { tar: source, signal }: { readonly tar: Readable; readonly signal: AbortSignal },
): Promise<void> {
  const what = `import volume ${copy.volume}`;
  // The input may break before it is read. Reading it then throws the error.
  source.on('error', () => {});
  try {
    await using tar = await startTar(containers, copy, { writes: true, signal });
    tar.stdout.resume();
    const end = new TarEnd();
    const [failed, over] = [new AbortController(), new AbortController()];
    const problems: unknown[] = [];
    const sending = pipeline(source, wholeTar(`volume ${copy.volume}`, end), tar.stdin, { signal: over.signal });
    const sent = sending.catch((error: unknown) => {
      if (over.signal.aborted) return;
      problems.push(brokenTar(`volume ${copy.volume}`, error));
      // The input stays open, because its end would mean to tar that the tar is complete.
      failed.abort();
    });
    const ended = tar
      .finished(AbortSignal.any([signal, failed.signal]), what)
      .catch((error: unknown) => problems.push(error))
      .finally(() => over.abort());
    await Promise.all([sent, ended]);
    if (problems.length > 0) throw problems[0];
    // Data sent to a broken connection is lost, and tar takes the end of the connection for the end of the tar.
    if (end.endAt === null || (totalBytes(await tar.messages) ?? 0) < end.endAt) throw brokeOff(what);
  } catch (error) {
    if (signal.aborted) throw new PlatformError('cancelled', `Stopped: ${what}.`, { cause: error });
    throw toPlatformError(error, { what });
  } finally {
    source.destroy();
  }
}

function brokeOff(what: string): PlatformError {
  return new PlatformError('unavailable', `The container engine broke off (${what}).`, {
    hint: 'Check the engine with: paas doctor',
  });
}
