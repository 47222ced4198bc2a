import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';

export interface RecordedCall {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  /** Parsed, when it was JSON. */
  readonly body: unknown;
}

/** The engine's answer: a status and a JSON body; null leaves the call without an answer. */
export type Reply = { readonly status: number; readonly body?: unknown } | null;

type Replying = (call: RecordedCall) => Reply | undefined | Promise<Reply>;

/** Its answer to `GET /info`. */
export const engineInfo = {
  ID: 'RECORDING',
  ServerVersion: '20.10.24',
  Driver: 'overlay2',
  DriverStatus: [],
  CgroupDriver: 'cgroupfs',
  CgroupVersion: '1',
  LiveRestoreEnabled: true,
  NCPU: 4,
  MemTotal: 8e9,
  Architecture: 'x86_64',
  DockerRootDir: '/var/lib/docker',
};

/**
 * A server in place of the engine: it records every call and answers as the test says, so that each request can be checked
 * byte by byte. Behaviour is tested on the real engine.
 */
export class RecordingEngine implements AsyncDisposable {
  readonly calls: RecordedCall[] = [];
  readonly dockerHost: string;
  readonly #server: Server;
  readonly #directory: string;

  private constructor(server: Server, directory: string) {
    this.#server = server;
    this.#directory = directory;
    this.dockerHost = `unix://${join(directory, 'docker.sock')}`;
  }

  /** `reply` sees a call first; undefined leaves the answer to the usual ones: info, version, a made container. */
  static async start(reply: Replying = () => undefined): Promise<RecordingEngine> {
    const directory = await mkdtemp(join(tmpdir(), 'paas-wire-'));
    const server = createServer();
    const engine = new RecordingEngine(server, directory);
    server.on('request', (request, response) => void engine.#answer(request, response, reply));
    server.listen(join(directory, 'docker.sock'));
    await once(server, 'listening');
    return engine;
  }

  /** The calls of one kind, oldest first. */
  of(method: string, path: string): readonly RecordedCall[] {
    return this.calls.filter((call) => call.method === method && call.path === path);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await rm(this.#directory, { recursive: true, force: true });
  }

  async #answer(request: IncomingMessage, response: ServerResponse, reply: Replying): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://engine');
    const isJson = request.headers['content-type'] === 'application/json';
    const content = await text(request);
    const body = isJson ? JSON.parse(content) : content;
    const call: RecordedCall = { method: request.method ?? '', path: url.pathname, query: url.searchParams, body };
    this.calls.push(call);
    const said = await reply(call);
    const answer = said === undefined ? usualReply(call) : said;
    if (answer === null) return;
    response.writeHead(answer.status, { 'Content-Type': 'application/json' });
    response.end(answer.body === undefined ? undefined : JSON.stringify(answer.body));
  }
}

function usualReply(call: RecordedCall): Reply {
  if (call.path === '/info') return { status: 200, body: engineInfo };
  if (call.path === '/version') return { status: 200, body: { ApiVersion: '1.41' } };
  if (call.path === '/containers/create') return { status: 201, body: { Id: 'c0ffee' } };
  if (call.path.startsWith('/volumes/')) return { status: 200, body: { Driver: 'local', Options: null } };
  if (call.method === 'GET') return { status: 404, body: { message: 'no such thing' } };
  return { status: 204 };
}
