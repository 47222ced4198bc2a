import type { ExecRequest, ExecResult } from '../domain/engine.ts';
import type { Connection } from './connection.ts';
import { toPlatformError } from './docker-errors.ts';
import { frames } from './streams.ts';

/**
 * A program of the container's own, as the container's own user, with nothing that it does not have already: no
 * privilege, no input, no terminal. What comes after `maxBytes` is read and thrown away: the program is not kept waiting.
 * Source: Engine API, "Exec".
 */
export async function runInside(
  connection: Connection,
  id: string,
  { argv, maxBytes, signal }: ExecRequest & { readonly signal: AbortSignal },
): Promise<ExecResult> {
  const what = `run ${argv[0]} in container ${id}`;
  const { Id: exec } = await connection.request<{ readonly Id: string }>({
    method: 'POST',
    path: `/containers/${encodeURIComponent(id)}/exec`,
    body: { Cmd: argv, AttachStdout: true, AttachStderr: true },
    what,
    signal,
  });
  const path = `/exec/${encodeURIComponent(exec)}`;
  const body = { Detach: false, Tty: false };
  const answer = await connection.stream({ method: 'POST', path: `${path}/start`, body, what, signal });
  const written = { stdout: [] as Buffer[], stderr: [] as Buffer[] };
  let room = maxBytes;
  try {
    for await (const { stream, payload } of frames(answer)) {
      const kept = payload.subarray(0, room);
      written[stream].push(kept);
      room -= kept.length;
    }
  } catch (error) {
    throw toPlatformError(error, { what, signal });
  } finally {
    answer.destroy();
  }
  const { ExitCode: exitCode } = await connection.request<{ readonly ExitCode: number | null }>({
    method: 'GET',
    path: `${path}/json`,
    what,
    signal,
  });
  return {
    exitCode: exitCode ?? 0,
    stdout: Buffer.concat(written.stdout).toString(),
    stderr: Buffer.concat(written.stderr).toString(),
  };
}
