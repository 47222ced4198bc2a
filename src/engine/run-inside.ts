import type { Readable } from 'node:stream';
import type { CapturedExec, ExecResult } from '../domain/exec.ts';
import type { Connection } from './connection.ts';
import { startExec } from './exec.ts';

/** Output after `maxBytes` is read and dropped, so that it does not block the program. */
export async function runInside(
  connection: Connection,
  id: string,
  { maxBytes, signal, ...request }: CapturedExec & { readonly signal: AbortSignal },
): Promise<ExecResult> {
  const process = await startExec(connection, id, { request, signal });
  let room = maxBytes;

  async function captured(output: Readable): Promise<string> {
    const kept: Buffer[] = [];
    for await (const chunk of output as AsyncIterable<Buffer>) {
      kept.push(chunk.subarray(0, room));
      room -= Math.min(room, chunk.length);
    }
    return Buffer.concat(kept).toString();
  }

  const [stdout, stderr, exitCode] = await Promise.all([
    captured(process.stdout),
    captured(process.stderr),
    process.wait(),
  ]);
  return { exitCode, stdout, stderr };
}
