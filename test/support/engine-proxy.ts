import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { testDockerHost } from './engine-fixture.ts';

/**
 * The real engine behind a socket of the test. The socket can be away (nobody listens, open connections are closed) or hang
 * (it accepts everything and answers nothing), while the engine goes on for everybody else.
 */
export class EngineProxy implements AsyncDisposable {
  readonly dockerHost: string;
  readonly #server: Server;
  readonly #directory: string;
  readonly #sockets = new Set<Socket>();
  #lost: RegExp | null = null;
  #mode: 'through' | 'away' | 'hanging' = 'through';

  private constructor(server: Server, directory: string) {
    this.#server = server;
    this.#directory = directory;
    this.dockerHost = `unix://${join(directory, 'docker.sock')}`;
    server.on('connection', (client) => this.#take(client));
  }

  static async start(): Promise<EngineProxy> {
    const directory = await mkdtemp(join(tmpdir(), 'paas-proxy-'));
    const server = createServer({ allowHalfOpen: true });
    const proxy = new EngineProxy(server, directory);
    server.listen(join(directory, 'docker.sock'));
    await once(server, 'listening');
    return proxy;
  }

  away(): void {
    this.#mode = 'away';
    for (const socket of this.#sockets) socket.destroy();
  }

  hang(): void {
    this.#mode = 'hanging';
    for (const socket of this.#sockets) socket.pause();
  }

  /** The engine performs the next matching request, but its answer is lost with the connection. */
  loseAnswer(request: RegExp): void {
    this.#lost = request;
  }

  back(): void {
    this.#mode = 'through';
    for (const socket of this.#sockets) socket.resume();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.away();
    this.#server.close();
    await rm(this.#directory, { recursive: true, force: true });
  }

  #take(client: Socket): void {
    if (this.#mode === 'away') {
      client.destroy();
      return;
    }
    const engine = connect({ path: testDockerHost().replace(/^unix:\/\//, ''), allowHalfOpen: true });
    const losing = { answer: false };
    for (const [from, to] of [
      [client, engine],
      [engine, client],
    ] as const) {
      this.#sockets.add(from);
      from.on('data', (chunk: Buffer) => {
        if (from === engine && losing.answer) return client.destroy();
        if (from === client && this.#lost?.test(chunk.toString('latin1'))) {
          this.#lost = null;
          losing.answer = true;
        }
        if (!to.write(chunk)) from.pause();
      });
      to.on('drain', () => {
        if (this.#mode !== 'hanging') from.resume();
      });
      from.on('end', () => to.end());
      from.on('error', () => to.destroy());
      from.on('close', () => {
        this.#sockets.delete(from);
        to.destroy();
      });
      if (this.#mode === 'hanging') from.pause();
    }
  }
}
