import type { AttachedStreams } from '../domain/exec.ts';
import type { Connection } from './connection.ts';
import type { InspectedContainer } from './container-state.ts';
import { stdioOf } from './stdio.ts';

/** Throws `not_found`. The streams never emit an error: they end, and `wait` gives the reason. */
export async function attach(connection: Connection, id: string, signal: AbortSignal): Promise<AttachedStreams> {
  const path = `/containers/${encodeURIComponent(id)}`;
  const what = `attach to container ${id}`;
  const { Config: config } = await connection.request<InspectedContainer>({
    method: 'GET',
    path: `${path}/json`,
    what,
  });
  const socket = await connection.hijack({
    method: 'POST',
    path: `${path}/attach`,
    query: { stream: true, stdin: config.OpenStdin, stdout: true, stderr: true },
    what,
    signal,
  });
  return stdioOf(socket, { multiplexed: !config.Tty }).streams;
}
