import { PassThrough, type Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { PlatformError } from '../domain/errors.ts';
import type { ImageState } from '../domain/images.ts';
import type { Connection } from './connection.ts';
import { toPlatformError } from './docker-errors.ts';
import { imagePath } from './image-refs.ts';
import { loadImages } from './load-images.ts';
import { brokenTar, TarEnd, wholeTar } from './tar-end.ts';

const loadDeadlineMs = 60 * 60_000;

/** See EngineImages.export. */
export function exportImage(connection: Connection, ref: string, signal: AbortSignal): Readable {
  const output = new PassThrough();
  const left = new AbortController();
  output.once('close', () => left.abort());
  const bytes = imageBytes(connection, ref, AbortSignal.any([signal, left.signal]));
  // A failure destroys the output with the error, so that its reader gets it.
  pipeline(bytes, output).catch(() => {});
  return output;
}

async function* imageBytes(connection: Connection, ref: string, signal: AbortSignal): AsyncGenerator<Buffer> {
  const what = `export image ${ref}`;
  const end = new TarEnd();
  try {
    const answer = await connection.stream({ method: 'GET', path: imagePath(ref, '/get'), what, signal });
    try {
      for await (const chunk of answer as AsyncIterable<Buffer>) {
        end.push(chunk);
        yield chunk;
      }
    } finally {
      answer.destroy();
    }
  } catch (error) {
    throw toPlatformError(error, { what, signal });
  }
  // If the engine fails after the first bytes, its answer ends as if it were complete.
  if (end.endAt === null) throw new PlatformError('unavailable', `The container engine broke off (${what}).`);
}

/** See EngineImages.import. */
export async function importImages(
  connection: Connection,
  source: Readable,
  { signal, inspect }: { readonly signal: AbortSignal; readonly inspect: (ref: string) => Promise<ImageState | null> },
): Promise<readonly string[]> {
  const what = 'import images';
  const tar = wholeTar('images');
  const sending = pipeline(source, tar, { signal }).catch(() => {});
  try {
    const { refs, problem } = await loadImages(connection, tar, { what, deadlineMs: loadDeadlineMs, signal });
    if (problem !== null) throw new PlatformError('invalid_params', `The engine could not ${what}: ${problem}`);
    const images = await Promise.all(refs.map(inspect));
    return [...new Set(images.flatMap((image) => image?.id ?? []))];
  } catch (error) {
    if (tar.errored !== null && !signal.aborted) throw brokenTar('images', tar.errored);
    throw toPlatformError(error, { what, signal });
  } finally {
    source.destroy();
    tar.destroy();
    await sending;
  }
}
