import autocannon from 'autocannon';
import { type BenchRow, median, row } from './row.ts';
import { startServer } from './server.ts';

const connections = 64;
const seconds = 5;
const rounds = 3;

interface Figures {
  readonly perSecond: number;
  readonly p99Ms: number;
}

/**
 * The cost of a request through the resolver, compared with http-proxy 1.18.1 (the peer) and the app itself (the floor): 64
 * keep-alive connections, answers of 1 KB, loopback. Each runs in its own process, they alternate, and the median counts.
 */
export async function rows(): Promise<readonly BenchRow[]> {
  const backend = await startServer('backend');
  const peer = await startServer('http-proxy', backend.port);
  const ours = await startServer('resolver', backend.port);
  try {
    const figures = await measureInTurns([backend.port, peer.port, ours.port]);
    const [direct, proxied, resolved] = figures;
    if (!direct || !proxied || !resolved) throw new Error('unreachable: three ports, three figures');
    const what = `${connections} connections, 1 KB answers`;
    const rate = (of: Figures) => `${Math.round(of.perSecond)} req/s`;
    return [
      row({
        name: `a request through the resolver, ${what}`,
        unit: 'µs',
        ours: microseconds(resolved),
        floor: microseconds(proxied),
        floorName: 'http-proxy 1.18.1',
        budget: microseconds(proxied),
        note: `${rate(resolved)} against ${rate(proxied)}`,
      }),
      row({
        name: 'the slowest of a hundred requests through the resolver',
        unit: 'ms',
        ours: resolved.p99Ms,
        floor: proxied.p99Ms,
        floorName: 'http-proxy 1.18.1',
        budget: proxied.p99Ms,
      }),
      row({
        name: 'a request through the resolver, compared with none',
        unit: 'µs',
        ours: microseconds(resolved),
        floor: microseconds(direct),
        floorName: 'the app itself',
        note: rate(direct),
      }),
    ];
  } finally {
    for (const { stop } of [ours, peer, backend]) await stop();
  }
}

function microseconds({ perSecond }: Figures): number {
  return 1_000_000 / perSecond;
}

async function measureInTurns(ports: readonly number[]): Promise<readonly Figures[]> {
  const seen = ports.map((): Figures[] => []);
  for (let round = 0; round < rounds; round += 1) {
    for (const [at, port] of ports.entries()) seen[at]?.push(await measure(port));
  }
  return seen.map((figures) => ({
    perSecond: median(figures.map(({ perSecond }) => perSecond)),
    p99Ms: median(figures.map(({ p99Ms }) => p99Ms)),
  }));
}

async function measure(port: number): Promise<Figures> {
  const url = `http://127.0.0.1:${port}/`;
  const result = await autocannon({ url, connections, duration: seconds, headers: { Host: 'shop.localhost' } });
  if (result.errors + result.non2xx > 0) throw new Error(`${result.errors + result.non2xx} requests failed`);
  return { perSecond: result.requests.average, p99Ms: result.latency.p99 };
}
