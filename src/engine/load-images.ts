import type { Readable } from 'node:stream';
import type { Connection } from './connection.ts';

/** The answer of `POST /images/load` (Engine API 1.41). */
export interface LoadedImages {
  /** The names or ids that the engine lists. */
  readonly refs: readonly string[];
  /** Why the load failed. After the engine has begun to answer, a failure is a line of the answer. */
  readonly problem: string | null;
}

export interface LoadOptions {
  readonly what: string;
  readonly deadlineMs: number;
  readonly signal?: AbortSignal;
}

/** Sends a tar of images to the engine. */
export async function loadImages(connection: Connection, tar: Readable, options: LoadOptions): Promise<LoadedImages> {
  const call = { method: 'POST', path: '/images/load', query: { quiet: true }, tar, ...options } as const;
  const lines = linesOf(await connection.request<unknown>(call));
  return {
    refs: lines.flatMap(({ stream }) => /^Loaded image(?: ID)?: (\S+)/.exec(stream ?? '')?.[1] ?? []),
    problem: lines.find(({ errorDetail }) => errorDetail !== undefined)?.errorDetail?.message ?? null,
  };
}

interface Line {
  readonly stream?: string;
  readonly errorDetail?: { readonly message?: string };
}

/** The transport parses an answer of one line, and returns one of several lines unparsed. */
function linesOf(answer: unknown): readonly Line[] {
  if (!Buffer.isBuffer(answer)) return [answer as Line];
  const lines = answer.toString('utf8').split('\n');
  return lines.filter((line) => line.trim() !== '').map((line) => JSON.parse(line) as Line);
}
