import type { EngineOnHost } from '../domain/host-hands.ts';
import { type Connection, connect } from './connection.ts';
import { answered } from './docker-errors.ts';
import { readInfo } from './engine-info.ts';
import { bridgeNameOption } from './networks.ts';

const lifetimeMs = 60_000;
/** Shorter than the deadline of `doctor`, which reports on a host while its engine hangs. */
const deadlineMs = 2_000;

/**
 * Reads the facts that the hands on an engine's host need. The answer is cached and refreshed after a minute in the
 * background, because the engine may be replaced while the platform runs. Until its first answer the returned function
 * throws `unavailable`. Throws `invalid_params` at once for a wrong address.
 */
export function engineOnHost(dockerHost: string): () => Promise<EngineOnHost> {
  const connection = connect(dockerHost);
  let known: EngineOnHost | null = null;
  let askAt = 0;
  let asking: Promise<EngineOnHost> | null = null;

  const ask = () => {
    asking ??= read(connection)
      .then((answer) => {
        known = answer;
        askAt = performance.now() + lifetimeMs;
        return answer;
      })
      .finally(() => {
        asking = null;
      });
    return asking;
  };

  return async () => {
    if (known === null) return await ask();
    if (performance.now() >= askAt) ask().catch(() => undefined);
    return known;
  };
}

async function read(connection: Connection): Promise<EngineOnHost> {
  const [info, bridge] = await Promise.all([readInfo(connection, deadlineMs), ownBridge(connection)]);
  const { dataRoot, cgroupVersion, cgroupDriver, memoryBytes } = info;
  return { isHere: connection.kind === 'unix', dataRoot, cgroupVersion, cgroupDriver, memoryBytes, bridge };
}

async function ownBridge(connection: Connection): Promise<string | null> {
  try {
    const { Options: options } = await connection.request<{
      readonly Options: Readonly<Record<string, string>> | null;
    }>({
      method: 'GET',
      path: '/networks/bridge',
      what: "inspect the engine's own bridge",
      deadlineMs,
    });
    return options?.[bridgeNameOption] ?? null;
  } catch (error) {
    if (answered(error, 404)) return null;
    throw error;
  }
}
