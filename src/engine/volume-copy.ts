import { PassThrough, type Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { EngineContainers } from '../domain/engine.ts';
import { PlatformError } from '../domain/errors.ts';
import type { VolumeCopy } from '../domain/volume-copy.ts';
import { toPlatformError } from './docker-errors.ts';
import { brokenTar, TarEnd, wholeTar } from './tar-end.ts';
import { startTar, totalBytes } from './volume-tar.ts';

/** See EngineVolumes.exportTar. */
export function exportVolume(containers: EngineContainers, copy: VolumeCopy, signal: AbortSignal): Readable {
  const output = new PassThrough();
  // A reader that goes away ends the work, also while tar has nothing to say.
  const left = new AbortController();
  output.once('close', () => left.abort());
  const bytes = volumeBytes(containers, copy, AbortSignal.any([signal, left.signal]));
  // A failure destroys the output, whose reader hears of it there.
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
    // The engine drops what nobody reads: after a broken connection tar ends well, and has written more than came.
    if (totalBytes(await tar.words) !== bytes) throw brokeOff(what);
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
  // It may break before anybody reads it; reading it says so.
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
      // The input stays open: its end would tell tar that this was all.
      failed.abort();
    });
    const ended = tar
      .finished(AbortSignal.any([signal, failed.signal]), what)
      .catch((error: unknown) => problems.push(error))
      .finally(() => over.abort());
    await Promise.all([sent, ended]);
    if (problems.length > 0) throw problems[0];
    // What was sent to a broken connection came nowhere, and tar took its end for that of the tar.
    if (end.endAt === null || (totalBytes(await tar.words) ?? 0) < end.endAt) throw brokeOff(what);
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
