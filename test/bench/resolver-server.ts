import { mkdtempSync, rmSync } from 'node:fs';
import { Agent, createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import httpProxy from 'http-proxy';
import { startResolver } from '../../src/resolver/resolver.ts';
import { createResolverClient, type ResolverClient } from '../../src/routing/resolver-client.ts';

/** One server of the resolver's benchmarks, in its own process: `backend`, or a proxy and the backend's port. */
export type Role = 'backend' | 'http-proxy' | 'resolver';

export interface Ready {
  readonly port: number;
  /** Of the resolver; else empty. */
  readonly controlSocket: string;
}

const idleMs = 60_000;

async function start(role: Role, backendPort: number): Promise<Ready> {
  switch (role) {
    case 'backend':
      return { port: await startBackend(), controlSocket: '' };
    case 'http-proxy':
      return { port: await startHttpProxy(backendPort), controlSocket: '' };
    case 'resolver':
      return startOurs(backendPort);
  }
}

function startBackend(): Promise<number> {
  const body = Buffer.alloc(1024, 'x');
  const headers = { 'Content-Type': 'text/plain', 'Content-Length': String(body.length) };
  return listen(
    createServer({ keepAliveTimeout: idleMs }, (_incoming, response) => response.writeHead(200, headers).end(body)),
  );
}

/** With the best set-up: without its own agent it opens a connection for each request. */
function startHttpProxy(backendPort: number): Promise<number> {
  const agent = new Agent({ keepAlive: true, maxFreeSockets: 256 });
  const proxy = httpProxy.createProxyServer({ target: `http://127.0.0.1:${backendPort}`, agent, xfwd: true });
  proxy.on('error', () => {});
  return listen(createServer({ keepAliveTimeout: idleMs }, (request, response) => proxy.web(request, response)));
}

async function startOurs(backendPort: number): Promise<Ready> {
  const home = mkdtempSync(join(tmpdir(), 'paas-bench-'));
  process.on('exit', () => rmSync(home, { recursive: true, force: true }));
  const controlSocket = join(home, 'r.sock');
  const files = { controlSocket, snapshotPath: join(home, 'routes.json') };
  const { address } = await startResolver({ bind: '127.0.0.1', httpPort: 0, ...files });
  const target = {
    instanceId: 'i',
    hostId: 'local',
    name: 'web.1',
    release: 1,
    address: '127.0.0.1',
    port: backendPort,
    state: 'live',
  } as const;
  const route = {
    appId: 'a',
    appName: 'shop',
    rules: [{ hostname: 'shop.localhost', path: '/' }],
    state: 'live',
    targets: [target],
  } as const;
  const client = createResolverClient(controlSocket);
  await client.publish({ version: 1, routes: [route], reserved: [] });
  void hear(client);
  return { port: address.port, controlSocket };
}

/** As the orchestrator does, for the apps' logs: telling of requests is part of what the resolver costs. */
async function hear(client: ResolverClient): Promise<void> {
  const events = client.events(new AbortController().signal)[Symbol.asyncIterator]();
  while (!(await events.next()).done);
}

function listen(server: Server): Promise<number> {
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
  });
}

const [role, backendPort] = process.argv.slice(2);
process.on('disconnect', () => process.exit(0));
// Asked for by any message: the CPU time that this process has used, in microseconds.
process.on('message', () => {
  const { user, system } = process.cpuUsage();
  process.send?.(user + system);
});
process.send?.(await start(role as Role, Number(backendPort)));
