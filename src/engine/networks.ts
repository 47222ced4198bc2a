import { createHash } from 'node:crypto';
import { newBridgeName } from '../domain/bridges.ts';
import { PlatformError } from '../domain/errors.ts';
import { type Labels, labelNames } from '../domain/labels.ts';
import type { EngineNetworks, NetworkState } from '../domain/networks.ts';
import { type Block, formatAddress, formatBlock, freeBlock, parseBlock } from '../domain/subnets.ts';
import type { Connection } from './connection.ts';
import { answered, engineMessage } from './docker-errors.ts';
import { networkJoiner } from './join-network.ts';
import { carries, labelFilter } from './labels.ts';

type NewNetwork = Parameters<EngineNetworks['create']>[0];

/** The parts that we read of a network, listed or inspected. */
interface Network {
  readonly Id: string;
  readonly Name: string;
  readonly Labels: Labels | null;
  readonly IPAM: { readonly Config: readonly { readonly Subnet?: string; readonly Gateway?: string }[] | null };
}

export const bridgeNameOption = 'com.docker.network.bridge.name';
const createDeadlineMs = 60_000;
/** Another platform, or a person, may take the chosen subnet before the engine gives it to us. */
const attempts = 8;

export function dockerNetworks(connection: Connection, hostRoutes: () => Promise<readonly Block[]>): EngineNetworks {
  /** Subnets on their way to the engine, which does not list them yet. */
  const reserved = new Set<Block>();
  const underWay = new Map<string, Promise<NetworkState>>();

  async function create(network: NewNetwork): Promise<NetworkState> {
    for (let attempt = 0; ; attempt++) {
      const all = await listAll(connection);
      const existing = all.find((one) => one.Name === network.name);
      if (existing !== undefined) return ours(existing, network.labels);
      const block = freeBlock(
        { range: network.pool, prefixLength: network.prefixLength },
        [...all.flatMap(blocksOf), ...(await hostRoutes()), ...reserved],
        seedOf(network.name, attempt),
      );
      reserved.add(block);
      try {
        await createWith(connection, network, block);
        return ours(await inspect(connection, network.name), network.labels);
      } catch (error) {
        if (attempt + 1 >= attempts || !isRace(error)) throw error;
      } finally {
        reserved.delete(block);
      }
    }
  }

  return {
    create(network) {
      // The engine accepts two networks of one name, so concurrent calls with the same name share one creation.
      const same = underWay.get(network.name);
      if (same !== undefined) return same;
      const made = create(network).finally(() => underWay.delete(network.name));
      underWay.set(network.name, made);
      return made;
    },

    async list(labels) {
      const networks = await connection.request<readonly Network[]>({
        method: 'GET',
        path: '/networks',
        query: { filters: labelFilter(labels) },
        what: 'list networks',
      });
      return networks.map(toState);
    },

    async inspect(id) {
      try {
        return toState(await inspect(connection, id));
      } catch (error) {
        if (answered(error, 404)) return null;
        throw error;
      }
    },

    join: networkJoiner(connection),

    /** Throws `conflict` while a running container is in it. */
    async remove(id) {
      try {
        await connection.request({
          method: 'DELETE',
          path: `/networks/${encodeURIComponent(id)}`,
          what: `remove network ${id}`,
          deadlineMs: createDeadlineMs,
        });
      } catch (error) {
        if (answered(error, 404)) return;
        if (/has active endpoints/i.test(engineMessage(error))) {
          throw new PlatformError('conflict', `Network ${id} is in use by a running container.`, { cause: error });
        }
        throw error;
      }
    },
  };
}

function listAll(connection: Connection): Promise<readonly Network[]> {
  return connection.request({ method: 'GET', path: '/networks', what: 'list networks' });
}

function inspect(connection: Connection, id: string): Promise<Network> {
  return connection.request({
    method: 'GET',
    path: `/networks/${encodeURIComponent(id)}`,
    what: `inspect network ${id}`,
  });
}

async function createWith(connection: Connection, network: NewNetwork, block: Block): Promise<void> {
  await connection.request({
    method: 'POST',
    path: '/networks/create',
    body: {
      Name: network.name,
      CheckDuplicate: true,
      Driver: 'bridge',
      EnableIPv6: false,
      Labels: network.labels,
      IPAM: {
        Driver: 'default',
        Config: [{ Subnet: formatBlock(block), Gateway: formatAddress(block.first + 1) }],
      },
      Options: {
        [bridgeNameOption]: newBridgeName(network.labels[labelNames.platform] ?? ''),
        'com.docker.network.bridge.enable_ip_masquerade': 'true',
        'com.docker.network.bridge.enable_icc': 'true',
      },
    },
    what: `create network ${network.name}`,
    deadlineMs: createDeadlineMs,
  });
}

function ours(network: Network, labels: Labels): NetworkState {
  if (carries(network.Labels, labels)) return toState(network);
  throw new PlatformError('conflict', `There is a network ${network.Name} already, and it belongs to something else.`);
}

function toState(network: Network): NetworkState {
  const config = network.IPAM.Config?.find(({ Subnet: subnet }) => parseBlock(subnet ?? '') !== null);
  return {
    id: network.Id,
    name: network.Name,
    labels: network.Labels ?? {},
    subnet: config?.Subnet ?? null,
    gateway: config?.Gateway?.replace(/\/\d+$/, '') ?? null,
  };
}

function blocksOf(network: Network): readonly Block[] {
  return (network.IPAM.Config ?? [])
    .map(({ Subnet: subnet }) => parseBlock(subnet ?? ''))
    .filter((block) => block !== null);
}

/** "overlap": another network has the subnet. "already exists": another process made the network, and the next attempt finds it. */
function isRace(error: unknown): boolean {
  return /overlap|already (exists|in use)|conflicts with network/i.test(engineMessage(error));
}

function seedOf(name: string, attempt: number): number {
  return createHash('sha256').update(`${name} ${attempt}`).digest().readUInt32BE();
}
