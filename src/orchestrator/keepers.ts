import { ensureNetwork } from '../provisioner/environment.ts';
import { HostGuard } from '../provisioner/host-guard.ts';
import { Provisioner } from '../provisioner/provisioner.ts';
import { createEventLog } from '../reporting/event-log.ts';
import { createLogCollector } from '../reporting/log-collector.ts';
import { writeRequestLog } from '../routing/request-log.ts';
import { createRoutePublisher } from '../routing/route-publisher.ts';
import { Supervisor } from '../supervisor/supervisor.ts';
import { Terminals } from '../supervisor/terminals.ts';
import type { Ground } from './ground.ts';

export type Keepers = ReturnType<typeof createKeepers>;

/**
 * Keeps the apps running and routed, and collects their output. Only the orchestrator that leads has it; `term` is its
 * lease's.
 */
export function createKeepers(ground: Ground, { apiPort, term }: { readonly apiPort: number; readonly term: number }) {
  const { settings, folders, clock, logger, store, leases, platformId, engines, handsOn, appLog, resolver } = ground;
  const logs = createLogCollector({ engines, appLog, platformId, logger });
  const events = createEventLog({ store, appLog, logger, dir: folders.logs });
  const { domain } = settings;
  const routes = createRoutePublisher({ store, clients: [resolver], term, settings: { domain, apiPort }, logger });
  const terminals = new Terminals();
  const provisioner = new Provisioner({ store, leases, clock, logger });
  const environment = { engines, store, platformId, networkPool: settings.networkPool };
  const supervisor = new Supervisor({
    engines,
    handsOn,
    store,
    clock,
    logger,
    terminals,
    platformId,
    settings,
    drainer: routes,
    ensureNetwork: (app, hostId) => ensureNetwork(app, hostId, environment),
    logs,
  });
  const guard = new HostGuard({ engines, handsOn, platformId, store, settings, clock, logger });
  return { logs, events, routes, terminals, provisioner, supervisor, guard };
}

/** Copies the resolver's request lines to the apps' logs. Returns the function that stops it. */
export function followRequestLog({ resolver, appLog, logger }: Ground): () => Promise<void> {
  const closing = new AbortController();
  const following = writeRequestLog({ client: resolver, appLog, signal: closing.signal }).catch((error: unknown) => {
    if (!closing.signal.aborted) logger.error('the request log broke off', { error });
  });
  return () => {
    closing.abort();
    return following;
  };
}
