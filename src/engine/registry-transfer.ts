import { type ErrorCode, PlatformError } from '../domain/errors.ts';
import type { ImageState } from '../domain/images.ts';
import type { PulledImage, RegistryAuth, RegistryTransfer } from '../domain/registry.ts';
import type { Connection, EngineCall } from './connection.ts';
import { answered, engineMessage, toPlatformError } from './docker-errors.ts';
import { imagePath, registryOf, splitTag } from './image-refs.ts';
import { jsonLines } from './streams.ts';

/** The parts that we read of a line of the engine's answer. */
interface Line {
  readonly status?: string;
  readonly id?: string;
  /** Present in lines of a progress bar. */
  readonly progressDetail?: { readonly current?: number };
  readonly errorDetail?: { readonly message?: string };
  readonly aux?: { readonly Digest?: string };
}

/** See EngineImages.push. */
export async function pushImage(
  connection: Connection,
  ref: string,
  { signal, ...transfer }: RegistryTransfer & { readonly signal: AbortSignal },
): Promise<string> {
  const what = `push image ${ref}`;
  const { repo, tag } = splitTag(ref);
  const call = { method: 'POST', path: `${imagePath(repo)}/push`, query: { tag }, what, signal } as const;
  const digest = await follow(connection, call, { ref, ...transfer });
  if (digest !== null) return digest;
  throw new PlatformError('internal', `The engine pushed image ${ref} and did not say its digest.`);
}

/** See EngineImages.pull. */
export async function pullImage(
  connection: Connection,
  ref: string,
  {
    signal,
    inspect,
    ...transfer
  }: RegistryTransfer & {
    readonly signal: AbortSignal;
    readonly inspect: (ref: string) => Promise<ImageState | null>;
  },
): Promise<PulledImage> {
  const what = `pull image ${ref}`;
  imagePath(ref);
  const query = ref.includes('@') ? { fromImage: ref } : { fromImage: splitTag(ref).repo, tag: splitTag(ref).tag };
  const call = { method: 'POST', path: '/images/create', query, what, signal } as const;
  const digest = await follow(connection, call, { ref, ...transfer });
  const image = await inspect(ref);
  if (digest !== null && image !== null) return { id: image.id, digest };
  throw new PlatformError('internal', `The engine pulled image ${ref}, and it is not there.`);
}

/** Reads the answer to its end and returns the digest in it. A failure is a line of the answer, and is thrown. */
async function follow(
  connection: Connection,
  call: EngineCall & { readonly signal: AbortSignal },
  { ref, auth, onLine }: RegistryTransfer & { readonly ref: string },
): Promise<string | null> {
  let digest: string | null = null;
  let problem: string | null = null;
  const reported = new Set<string>();
  try {
    const answer = await connection.stream({ ...call, registryAuth: authOf(ref, auth) });
    try {
      for await (const value of jsonLines(answer)) {
        const line = value as Line;
        problem ??= line.errorDetail?.message ?? null;
        digest = line.aux?.Digest ?? /\bdigest: (sha256:[0-9a-f]{64})/i.exec(line.status ?? '')?.[1] ?? digest;
        const text = [line.id, line.status].filter(Boolean).join(': ');
        if (line.status === undefined || reported.has(text)) continue;
        reported.add(text);
        onLine?.(text);
      }
    } finally {
      answer.destroy();
    }
  } catch (error) {
    if (call.signal.aborted) throw toPlatformError(error, call);
    const code = answered(error, 400, 401, 403, 404, 500) ? codeOf(engineMessage(error)) : null;
    if (code === null) throw toPlatformError(error, call);
    throw refused(call.what, engineMessage(error), code, error);
  }
  if (problem !== null) throw refused(call.what, problem, codeOf(problem) ?? 'internal');
  return digest;
}

/** The engine's containerd store sends a password only to the registry in `serveraddress`. */
function authOf(ref: string, auth: RegistryAuth | undefined): object {
  const serveraddress = registryOf(ref);
  return auth === undefined ? {} : { ...auth, ...(serveraddress === null ? {} : { serveraddress }) };
}

function refused(what: string, words: string, code: ErrorCode, cause?: unknown): PlatformError {
  return new PlatformError(code, `The engine could not ${what}: ${words}`, { cause });
}

/** The engine passes the registry's messages on, and adds its own about the connection. */
function codeOf(words: string): ErrorCode | null {
  if (/unauthorized|authentication required|no basic auth|incorrect username|\b401\b/i.test(words))
    return 'unauthorized';
  if (/manifest unknown|not found|does not exist|no such image|\b404\b/i.test(words)) return 'not_found';
  if (/denied|forbidden|\b403\b/i.test(words)) return 'forbidden';
  if (/refused|no such host|timeout|deadline exceeded|unreachable|\bEOF\b|reset|\b50[0234]\b/i.test(words))
    return 'unavailable';
  return null;
}
