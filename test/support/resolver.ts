import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type IncomingHttpHeaders, type RequestListener, request, type Server } from 'node:http';
import {
  type AddressInfo,
  connect,
  createServer as createTcpServer,
  type Socket,
  type Server as TcpServer,
} from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ResolverEvent } from '../../src/domain/resolver-protocol.ts';
import type { Route, RouteState, Target } from '../../src/domain/route.ts';
import { type Resolver, startResolver } from '../../src/resolver/resolver.ts';
import { defaultTiming, type Timing } from '../../src/resolver/timing.ts';
import { createResolverClient, type ResolverClient } from '../../src/routing/resolver-client.ts';
import { scaled } from './deadline.ts';

/** A server in place of an instance. */
export interface Backend extends AsyncDisposable {
  readonly port: number;
  /** Connections that are open now. */
  readonly connections: ReadonlySet<Socket>;
}

export interface HttpBackend extends Backend {
  readonly server: Server;
}

export async function startBackend(listener: RequestListener): Promise<HttpBackend> {
  const server = createServer({ keepAliveTimeout: 30_000 }, listener);
  return { server, ...(await listen(server)) };
}

/** A server of raw bytes: `serve` gets each connection. */
export async function startRawBackend(serve: (socket: Socket) => void): Promise<Backend> {
  return listen(
    createTcpServer((socket) => {
      socket.on('error', () => socket.destroy());
      serve(socket);
    }),
  );
}

async function listen(server: Server | TcpServer): Promise<Backend> {
  const connections = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    connections.add(socket);
    socket.on('close', () => connections.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    connections,
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const socket of connections) socket.destroy();
      await closed;
    },
  };
}

/** A port that was free a moment ago, so nobody listens on it. */
export async function deadPort(): Promise<number> {
  const backend = await startRawBackend(() => {});
  await backend[Symbol.asyncDispose]();
  return backend.port;
}

export interface TestResolver extends AsyncDisposable {
  readonly resolver: Resolver;
  readonly port: number;
  readonly home: string;
  readonly client: ResolverClient;
  /** Everything that the resolver has reported so far. */
  readonly events: readonly ResolverEvent[];
  /** Puts one app's route in use and keeps the others. Targets are ports, or whole. */
  route(name: string, targets: readonly (number | Target)[], state?: RouteState, startsAtMs?: number): Promise<void>;
}

/** The resolver as its process runs it, on a free port, with a control socket of its own. */
export async function startTestResolver(
  timing: Partial<Timing> = {},
  trustedProxies: readonly string[] = [],
): Promise<TestResolver> {
  const home = await mkdtemp(join(tmpdir(), 'paas-resolver-'));
  const controlSocket = join(home, 'r.sock');
  const resolver = await startResolver({
    bind: '127.0.0.1',
    httpPort: 0,
    controlSocket,
    snapshotPath: join(home, 'routes.json'),
    trustedProxies,
    timing: { ...defaultTiming, ...timing },
  });
  const client = createResolverClient(controlSocket, { patienceMs: 500 });
  const listening = new AbortController();
  const events: ResolverEvent[] = [];
  const heard = (async () => {
    for await (const event of client.events(listening.signal)) events.push(event);
  })();
  const routes = new Map<string, Pick<Route, 'state' | 'startsAtMs' | 'targets'>>();
  let version = 0;
  return {
    resolver,
    port: resolver.address.port,
    home,
    client,
    events,
    async route(name, targets, state = 'live', startsAtMs = undefined) {
      routes.set(name, { state, startsAtMs, targets: targets.map((target, at) => targetOf(name, target, at)) });
      version += 1;
      await client.publish({
        version,
        reserved: [],
        routes: [...routes].map(([appName, route]) => ({
          appId: appName,
          appName,
          rules: [{ hostname: `${appName}.localhost`, path: '/' }],
          ...route,
        })),
      });
    },
    async [Symbol.asyncDispose]() {
      listening.abort();
      await heard;
      await resolver.close();
      await rm(home, { recursive: true, force: true });
    },
  };
}

function targetOf(name: string, target: number | Target, at: number): Target {
  if (typeof target !== 'number') return target;
  const instanceId = `${name}-${target}`;
  return {
    instanceId,
    hostId: 'local',
    name: `web.${at + 1}`,
    release: 1,
    address: '127.0.0.1',
    port: target,
    state: 'live',
  };
}

export interface Asking {
  /** The source address. Every address of 127.0.0.0/8 belongs to this machine. */
  readonly from?: string;
  readonly host?: string;
  readonly method?: string;
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
}

export interface Answered {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** Sends one request on a new connection. */
export function ask(port: number, { host = 'shop.localhost', body, ...asking }: Asking = {}): Promise<Answered> {
  return new Promise((resolve, reject) => {
    const { method = 'GET', path = '/', from = '127.0.0.1' } = asking;
    const options = { method, path, localAddress: from, agent: false };
    // Node's client leaves a DELETE's body without a length.
    const length = body === undefined ? {} : { 'Content-Length': String(Buffer.byteLength(body)) };
    const headers = { Host: host, ...length, ...asking.headers };
    const outgoing = request({ host: '127.0.0.1', port, ...options, headers }, (answer) => {
      let text = '';
      answer.setEncoding('utf8');
      answer.on('data', (chunk) => {
        text += chunk;
      });
      answer.on('end', () => resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body: text }));
      answer.on('error', reject);
    });
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

/** Writes bytes on a new connection. Resolves with all received bytes when it is closed, or after `patienceMs`. */
export function exchangeBytes(port: number, bytes: string | Buffer, patienceMs = scaled(5_000)): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port });
    let text = '';
    const late = setTimeout(() => socket.destroy(), patienceMs);
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
    });
    socket.on('error', () => socket.destroy());
    socket.on('close', () => {
      clearTimeout(late);
      resolve(text);
    });
    socket.write(bytes);
  });
}

/** The instance behind a backend, as a route names it. */
export function namedTarget(backend: Backend, instanceId: string, state: Target['state'] = 'live'): Target {
  return { instanceId, hostId: 'local', name: 'web.1', release: 1, address: '127.0.0.1', port: backend.port, state };
}
