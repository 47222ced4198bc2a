import type { IncomingMessage } from 'node:http';
import type { ContainerLogLine, ContainerLogOptions } from '../domain/containers.ts';
import type { Connection } from './connection.ts';
import type { InspectedContainer } from './container-state.ts';
import { toPlatformError } from './docker-errors.ts';
import { LogParts, splitTerminalLine } from './log-parts.ts';
import { frames, lines } from './streams.ts';

/**
 * See EngineContainers. Build containers have no log (policy.ts): attach to them. Throws `not_found`, and `unavailable` if
 * the connection breaks.
 */
export async function* containerLogs(
  connection: Connection,
  id: string,
  { follow, since, tail }: ContainerLogOptions,
  signal: AbortSignal,
): AsyncGenerator<ContainerLogLine> {
  const path = `/containers/${encodeURIComponent(id)}`;
  const what = `read the log of container ${id}`;
  let answer: IncomingMessage | null = null;
  try {
    const { Config: config } = await connection.request<InspectedContainer>({
      method: 'GET',
      path: `${path}/json`,
      what,
    });
    const query = {
      follow,
      stdout: true,
      stderr: true,
      timestamps: true,
      since: since === undefined ? undefined : unixTime(since),
      tail,
    };
    answer = await connection.stream({ method: 'GET', path: `${path}/logs`, query, what, signal });
    yield* config.Tty ? terminalLines(answer, follow) : multiplexedLines(answer, follow);
  } catch (error) {
    if (signal.aborted) return;
    throw toPlatformError(error, { what });
  } finally {
    answer?.destroy();
  }
}

/** The engine sends one frame per log entry. An entry is a line or a part of a long line. */
async function* multiplexedLines(answer: IncomingMessage, follow: boolean): AsyncGenerator<ContainerLogLine> {
  const parts = { stdout: new LogParts('stdout'), stderr: new LogParts('stderr') };
  for await (const { stream, payload } of frames(answer)) {
    yield* parts[stream].add(payload);
  }
  if (follow) return;
  yield* parts.stdout.flush();
  yield* parts.stderr.flush();
}

async function* terminalLines(answer: IncomingMessage, follow: boolean): AsyncGenerator<ContainerLogLine> {
  const parts = new LogParts('stdout');
  for await (const line of lines(answer, { last: follow ? 'terminated' : 'any' })) {
    for (const entry of splitTerminalLine(line)) yield* parts.add(entry);
    yield* parts.flush();
  }
}

/** `seconds.nanoseconds`, the engine's format. */
function unixTime(date: Date): string {
  const ms = date.getTime();
  return `${Math.floor(ms / 1000)}.${String(ms % 1000).padStart(3, '0')}000000`;
}
