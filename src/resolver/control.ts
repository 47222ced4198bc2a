import { randomUUID } from 'node:crypto';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import {
  parseDrainRequest,
  parseRouteChange,
  parseRouteTable,
  type ResolverEvent,
  type ResolverMemory,
  type ResolverStats,
  type TableFacts,
} from '../domain/resolver-protocol.ts';
import type { RouteChange } from '../domain/route.ts';
import { createServer } from '../system/node-http.ts';
import type { LiveRoutes } from './live-routes.ts';
import { memoryLimitBytes } from './memory-keeper.ts';
import type { RequestEvents } from './request-events.ts';

export interface ControlDeps {
  readonly routes: LiveRoutes;
  readonly requestEvents: RequestEvents;
  /** Called after the whole table was replaced. */
  readonly replaced: () => void;
  readonly changed: (change: RouteChange) => void;
  readonly connections: () => number;
}

const maxBodyBytes = 256 * 1024 * 1024;
const maxUnreadBytes = 1024 * 1024;

export interface Control {
  readonly server: Server;
  /** Ends the streams that only tell whether this resolver is there. Their readers connect anew. */
  endPresence(): void;
}

/**
 * The server for the orchestrator: see domain/resolver-protocol.ts. A process that may open the socket may do
 * everything here.
 */
export function createControl(deps: ControlDeps): Control {
  const { routes, requestEvents } = deps;
  const bootId = randomUUID();
  const present = new Set<ServerResponse>();
  const facts = (): TableFacts => ({
    bootId,
    version: routes.version,
    routes: routes.routeCount,
    targets: routes.targetCount,
  });

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://resolver');
    switch (`${request.method} ${url.pathname}`) {
      case 'GET /table':
        return send(response, 200, facts());
      case 'PUT /table':
        return putTable(request, response);
      case 'POST /changes':
        return postChange(request, response);
      case 'POST /drain':
        return drain(request, response);
      case 'GET /stats':
        return send(response, 200, stats());
      case 'GET /memory':
        return send(response, 200, memory());
      case 'GET /events':
        return streamEvents(response, url.searchParams.get('presence') === '1');
      default:
        return send(response, 404, { message: 'No such call.' });
    }
  }

  async function putTable(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const table = parseRouteTable(await readBody(request));
    if (!table) return send(response, 400, { message: 'Not a route table.' });
    const isNewer = routes.replace(table);
    if (isNewer) deps.replaced();
    send(response, isNewer ? 200 : 409, facts());
  }

  async function postChange(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const change = parseRouteChange(await readBody(request));
    if (!change) return send(response, 400, { message: 'Not a change of routes.' });
    const isApplied = routes.change(change);
    if (isApplied) deps.changed(change);
    send(response, isApplied ? 200 : 409, facts());
  }

  async function drain(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const wanted = parseDrainRequest(await readBody(request));
    if (!wanted) return send(response, 400, { message: 'Not a drain request.' });
    const gone = new AbortController();
    response.on('close', () => gone.abort());
    const left = await routes.drain(wanted.instanceIds, wanted.timeoutMs, gone.signal);
    if (!gone.signal.aborted) send(response, 200, left);
  }

  function stats(): ResolverStats {
    const { version } = routes;
    const { listeners } = requestEvents;
    const connections = deps.connections();
    return { version, held: routes.held.count, connections, listeners, targets: routes.stats() };
  }

  function streamEvents(response: ServerResponse, presenceOnly: boolean): void {
    response.writeHead(200, { 'Content-Type': 'application/x-ndjson' });
    const write = (event: ResolverEvent) => {
      // An orchestrator that does not read loses lines and costs the resolver no memory.
      if (response.writableLength < maxUnreadBytes) response.write(`${JSON.stringify(event)}\n`);
    };
    write({ type: 'connected', bootId, version: routes.version });
    if (presenceOnly) {
      present.add(response);
      response.on('close', () => present.delete(response));
      return;
    }
    response.on('close', requestEvents.subscribe(write));
  }

  const server = createServer({ requestTimeout: 0, keepAliveTimeout: 5_000 }, (request, response) => {
    response.on('error', () => response.destroy());
    answer(request, response).catch(() => {
      if (response.headersSent) response.destroy();
      else send(response, 500, { message: 'The call failed.' });
    });
  });
  return {
    server,
    endPresence() {
      for (const response of present) response.destroy();
    },
  };
}

function memory(): ResolverMemory {
  return { residentBytes: process.memoryUsage.rss(), limitBytes: memoryLimitBytes };
}

function send(response: ServerResponse, status: number, body: object): void {
  const text = JSON.stringify(body);
  response.writeHead(status, { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(text) });
  response.end(text);
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request) {
    bytes += chunk.length;
    if (bytes > maxBodyBytes) throw new Error('too large');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
