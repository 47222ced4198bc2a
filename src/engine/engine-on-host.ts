import type { BridgeOnHost, EngineOnHost } from '../domain/host-hands.ts';
import { formatAddress, parseBlock } from '../domain/subnets.ts';
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

async function ownBridge(connection: Connection): Promise<BridgeOnHost | null> {
  try {
    const { Options: options, IPAM: ipam } = await connection.request<{
      readonly Options: Readonly<Record<string, string>> | null;
      readonly IPAM: { readonly Config: readonly { readonly Subnet?: string; readonly Gateway?: string }[] | null };
    }>({
      method: 'GET',
      path: '/networks/bridge',
      what: "inspect the engine's own bridge",
      deadlineMs,
    });
    const name = options?.[bridgeNameOption];
    const [config] = (ipam.Config ?? []).filter(({ Subnet: subnet }) => subnet && parseBlock(subnet));
    const block = parseBlock(config?.Subnet ?? '');
    if (name === undefined || block === null) return null;
    return { interface: name, gateway: config?.Gateway ?? formatAddress(block.first + 1) };
  } catch (error) {
    if (answered(error, 404)) return null;
    throw error;
  }
}

/** The process number on the engine's host of each running container on the engine's default bridge. */
export function bridgeProcesses(dockerHost: string): () => Promise<readonly number[]> {
  const connection = connect(dockerHost);
  return async () => {
    const containers = await connection.request<readonly { readonly Id: string }[]>({
      method: 'GET',
      path: '/containers/json',
      query: { filters: { network: ['bridge'] } },
      what: "list the containers on the engine's own bridge",
      deadlineMs,
    });
    const inspected = await Promise.allSettled(
      containers.map(({ Id: id }) =>
        connection.request<{ readonly State: { readonly Pid: number } }>({
          method: 'GET',
          path: `/containers/${id}/json`,
          what: `inspect container ${id}`,
          deadlineMs,
        }),
      ),
    );
    return inspected.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value.State.Pid] : []));
  };
}
