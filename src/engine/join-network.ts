import type { EngineNetworks } from '../domain/networks.ts';
import type { Connection } from './connection.ts';
import { answered, engineMessage } from './docker-errors.ts';

/** See EngineNetworks. The engine answers 403 if the container is already in the network. */
export function networkJoiner(connection: Connection): EngineNetworks['join'] {
  return async ({ id, aliases }, containerId) => {
    try {
      await connection.request({
        method: 'POST',
        path: `/networks/${encodeURIComponent(id)}/connect`,
        body: { Container: containerId, EndpointConfig: { Aliases: [...aliases] } },
        what: `put container ${containerId} into network ${id}`,
      });
    } catch (error) {
      if (answered(error, 403) && /already exists in network/i.test(engineMessage(error))) return;
      throw error;
    }
  };
}
