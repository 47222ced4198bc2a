import { lookup } from 'node:dns/promises';
import { getSystemErrorName } from 'node:util';
import { environment } from '../config/environment.ts';
import { environmentName } from '../config/setting-names.ts';
import type { Settings } from '../config/settings.ts';
import { type BoundSocket, bindSocket, inheritedSocket, receiveSocket } from '../system/bound-socket.ts';
import { linkRequests } from '../system/program-link.ts';
import { linkOf, type ProgramName, programNames } from './living-programs.ts';
import { portConflict } from './ports.ts';

const receiveTimeoutMs = 3_000;
/** The first descriptor that systemd passes on: sd_listen_fds(3). */
const firstListenFd = 3;

/**
 * The socket that visitors reach, bound once. Each generation of the resolver inherits it, so while one process has it
 * open a connection waits for the next generation and is not refused. Three programs hold it: the launcher, the
 * resolver and the orchestrator. A launcher that was killed leaves it with the others, and the next one gets it there.
 */
export class PublicSocket {
  readonly #settings: Pick<Settings, 'bind' | 'httpPort'>;
  #socket: BoundSocket | null = null;

  constructor(settings: Pick<Settings, 'bind' | 'httpPort'>) {
    this.#settings = settings;
  }

  /** Whether this process has the socket that `fd` would give. */
  get isHeld(): boolean {
    return this.#socket !== null;
  }

  /** Takes the first of these sockets that is bound as the settings say, and closes the others. */
  async take(offers: readonly Promise<BoundSocket | null>[]): Promise<void> {
    const wanted = await this.#wanted();
    for (const offer of offers) {
      const socket = await offer;
      if (!socket) continue;
      const { host, port } = socket.address;
      const fits = host === wanted.address && (wanted.port === 0 || port === wanted.port);
      if (fits && this.#socket === null) this.#socket = socket;
      else socket.close();
    }
  }

  /**
   * The descriptor, bound at the first call unless it was taken. Throws `conflict` when the port is taken, `forbidden`
   * when only root may use it, `invalid_params` for an address that is not this host's.
   */
  async fd(): Promise<number> {
    this.#socket ??= await this.#bind();
    return this.#socket.fd;
  }

  async #bind(): Promise<BoundSocket> {
    const { bind, httpPort } = this.#settings;
    const { address, port, family } = await this.#wanted();
    const bound = bindSocket(address, port, family);
    if (typeof bound !== 'number') return bound;
    throw portConflict(getSystemErrorName(bound), {
      setting: environmentName('http_port'),
      host: bind,
      port: httpPort,
    });
  }

  async #wanted(): Promise<{ readonly address: string; readonly port: number; readonly family: 4 | 6 }> {
    const { bind, httpPort } = this.#settings;
    try {
      const { address, family } = await lookup(bind);
      return { address, port: httpPort, family: family === 6 ? 6 : 4 };
    } catch (error) {
      const { code = 'unknown' } = error as NodeJS.ErrnoException;
      throw portConflict(code, { setting: environmentName('http_port'), host: bind, port: httpPort });
    }
  }
}

/**
 * What systemd and the programs of this PAAS_HOME have. A launcher asks before all else: until it holds the socket, two
 * more deaths would close it.
 */
export function offeredSockets(home: string): readonly Promise<BoundSocket | null>[] {
  return [fromSystemd(), ...programNames.map((name) => offerOf(home, name))];
}

export function offerOf(home: string, name: ProgramName): Promise<BoundSocket | null> {
  return receiveSocket(linkOf(home, name), linkRequests.socket, receiveTimeoutMs);
}

/** The first socket of a unit such as paas.socket. */
async function fromSystemd(): Promise<BoundSocket | null> {
  const { LISTEN_FDS, LISTEN_PID } = environment();
  if (LISTEN_PID !== String(process.pid) || !(Number(LISTEN_FDS) > 0)) return null;
  return inheritedSocket(firstListenFd);
}
