import type { Route } from '../../src/domain/route.ts';
import { createResolverClient, type ResolverClient } from '../../src/routing/resolver-client.ts';
import { RouteHistory } from '../../src/routing/route-history.ts';
import { type BenchRow, row } from './row.ts';
import { type Server, startServer } from './server.ts';

const apps = 10_000;
const changes = 2_000;
const term = 2;

/**
 * The CPU time of one change of a route among ten thousand in the resolver, including the saving. Each change moves an app
 * from one instance to another. The floor is a request that changes nothing.
 */
export async function rows(): Promise<readonly BenchRow[]> {
  const server = await startServer('resolver', 1);
  try {
    const client = createResolverClient(server.controlSocket);
    const history = new RouteHistory(term, []);
    history.update({ put: Array.from({ length: apps }, (_, at) => routeOf(at, 0)), drop: [] });
    if (!(await client.publish(history.table())).taken) throw new Error('the resolver did not take the routes');
    await client.table();
    await measure(server, 200, (at) => changeOne(client, history, at));
    const floor = await measure(server, changes, () => client.table());
    const ours = await measure(server, changes, (at) => changeOne(client, history, at));
    return [
      row({
        name: `a change of a route among ${apps}, CPU of the resolver`,
        unit: 'ms',
        ours,
        floor,
        floorName: 'a request to it that changes nothing',
        budget: 0.2,
      }),
    ];
  } finally {
    await server.stop();
  }
}

async function changeOne(client: ResolverClient, history: RouteHistory, at: number): Promise<void> {
  const from = history.version ?? 0;
  history.update({ put: [routeOf((at * 7) % apps, Date.now() + at)], drop: [] });
  const change = history.since(from);
  if (!change || !(await client.change(change)).taken) throw new Error('the resolver did not take a change');
}

/** Milliseconds of CPU for each. */
async function measure(server: Server, count: number, work: (at: number) => Promise<unknown>): Promise<number> {
  const before = await server.cpuMicroseconds();
  for (let at = 0; at < count; at += 1) await work(at);
  return ((await server.cpuMicroseconds()) - before) / 1000 / count;
}

function routeOf(at: number, life: number): Route {
  const where = {
    hostId: 'local',
    name: 'web.1',
    release: 1,
    address: '10.210.0.2',
    port: 5000,
    state: 'live',
  } as const;
  return {
    appId: `app-${at}`,
    appName: `app-${at}`,
    rules: [`app-${at}.localhost`, `www.app-${at}.com`].map((hostname) => ({ hostname, path: '/' })),
    state: 'live',
    targets: [{ instanceId: `${at}-${life}`, ...where }],
  };
}
