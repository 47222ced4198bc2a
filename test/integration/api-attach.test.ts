import assert from 'node:assert/strict';
import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import { after, before, beforeEach, describe, test } from 'node:test';
import { WebSocket } from 'ws';
import type { App } from '../../src/domain/app.ts';
import { PlatformError } from '../../src/domain/errors.ts';
import type { RunSession } from '../../src/domain/operations.ts';
import { type Clock, systemClock } from '../../src/system/clock.ts';
import { type ApiFixture, startApi } from '../support/api.ts';
import { scaled } from '../support/deadline.ts';
import { eventually } from '../support/eventually.ts';

/** A process without a container: its input and outputs are three pipes. */
class Process {
  readonly stdin = new PassThrough();
  readonly stdout = new PassThrough();
  readonly stderr = new PassThrough();
  readonly sizes: { columns: number; rows: number }[] = [];
  readonly exit = Promise.withResolvers<number>();
  signal: AbortSignal | null = null;

  session(signal: AbortSignal): RunSession {
    this.signal = signal;
    return {
      stdin: this.stdin,
      stdout: this.stdout,
      stderr: this.stderr,
      resize: async (size) => {
        this.sizes.push({ columns: size.columns, rows: size.rows });
      },
      exited: this.exit.promise,
    };
  }
}

/** A terminal at the other end of the address. */
class Terminal implements Disposable {
  readonly socket: WebSocket;
  readonly bytes: Buffer[] = [];
  readonly messages: unknown[] = [];
  closeCode: number | null = null;
  refused: number | null = null;

  constructor(url: string, headers: Readonly<Record<string, string>> = {}, protocols: string[] = []) {
    this.socket = new WebSocket(url, protocols, { headers });
    this.socket.on('message', (data: Buffer, isBinary) => {
      if (isBinary) this.bytes.push(data);
      else this.messages.push(JSON.parse(data.toString()));
    });
    this.socket.on('close', (code) => {
      this.closeCode = code;
    });
    this.socket.on('unexpected-response', (_, response) => {
      this.refused = response.statusCode ?? 0;
      this.socket.terminate();
    });
    this.socket.on('error', () => undefined);
  }

  get text(): string {
    return Buffer.concat(this.bytes).toString();
  }

  async closed(): Promise<number> {
    return eventually('the terminal is closed', () => (this.closeCode === null ? null : `${this.closeCode}`)).then(
      Number,
    );
  }

  async outcome(): Promise<string> {
    return eventually('the terminal is let in or refused', () => {
      if (this.refused !== null) return `refused ${this.refused}`;
      return this.socket.readyState === WebSocket.OPEN ? 'open' : null;
    });
  }

  [Symbol.dispose]() {
    this.socket.terminate();
  }
}

describe('a terminal', () => {
  let fixture: ApiFixture;
  let app: App;
  let running: Process;
  let attached: string[];
  let count = 0;
  let elapsedMs = 0;
  const clock: Clock = { ...systemClock, monotonicMs: () => elapsedMs };

  before(async () => {
    fixture = await startApi({ clock });
  });
  beforeEach(async () => {
    count += 1;
    app = await fixture.newApp(`run${count}`);
    await fixture.deploy(app);
    running = new Process();
    attached = [];
    fixture.operations.attach = async (_, instanceId, signal) => {
      attached.push(instanceId);
      return running.session(signal);
    };
  });
  after(() => fixture[Symbol.asyncDispose]());

  const run = async (token?: string, name = app.name): Promise<{ id: string; url: string }> => {
    const body = { command: 'bash', attach: true };
    const answer = await fixture.ask('POST', `/apps/${name}/dynos`, { body, ...(token ? { token } : {}) });
    return { id: answer.json.id, url: answer.json.attach_url };
  };

  test('carries bytes in both directions, the window size, the end of input and the exit code', async () => {
    const { id, url } = await run();
    using terminal = new Terminal(url);
    await once(terminal.socket, 'open');
    terminal.socket.send(Buffer.from([0x00, 0xff, 0x04, 0x0a]), { binary: true });
    const [bytes] = await once(running.stdin, 'data');
    assert.deepEqual([...(bytes as Buffer)], [0x00, 0xff, 0x04, 0x0a]);
    assert.deepEqual(attached, [id]);

    running.stdout.write('$ ');
    await eventually('the prompt is there', () => terminal.text === '$ ');
    terminal.socket.send(JSON.stringify({ type: 'resize', columns: 120, rows: 40 }));
    await eventually('the size is there', () => running.sizes.length === 1);
    assert.deepEqual(running.sizes, [{ columns: 120, rows: 40 }]);

    terminal.socket.send(JSON.stringify({ type: 'eof' }));
    running.stdin.resume();
    await once(running.stdin, 'end');
    running.stderr.end();
    running.stdout.end('last words\n');
    running.exit.resolve(42);
    assert.equal(await terminal.closed(), 1000);
    assert.equal(terminal.text, '$ last words\n');
    assert.deepEqual(terminal.messages, [{ type: 'exit', code: 42 }]);
  });

  test('loses no byte of a large output, and reports the exit code after the last byte', async () => {
    const { url } = await run();
    using terminal = new Terminal(url);
    await once(terminal.socket, 'open');
    const chunk = Buffer.alloc(64 * 1024, 'x');
    const chunks = 160;
    for (let sent = 0; sent < chunks; sent += 1) if (!running.stdout.write(chunk)) await once(running.stdout, 'drain');
    running.stdout.end();
    running.stderr.end();
    running.exit.resolve(0);
    assert.equal(await terminal.closed(), 1000);
    assert.equal(Buffer.concat(terminal.bytes).length, chunks * chunk.length);
    assert.deepEqual(terminal.messages, [{ type: 'exit', code: 0 }]);
  });

  test('keeps the outputs apart for a client that asks for it', async () => {
    const { url } = await run();
    using terminal = new Terminal(url, {}, ['outputs-apart']);
    await once(terminal.socket, 'open');
    assert.equal(terminal.socket.protocol, 'outputs-apart');
    running.stderr.end('warning\n');
    running.stdout.end(Buffer.from([0x00, 0xff]));
    running.exit.resolve(0);
    assert.equal(await terminal.closed(), 1000);
    const frames = terminal.bytes.map((frame) => [...frame]).sort(([a = 0], [b = 0]) => a - b);
    assert.deepEqual(frames, [
      [1, 0x00, 0xff],
      [2, ...Buffer.from('warning\n')],
    ]);
  });

  test('gives a client that reads late all of the output of a process that has ended', async () => {
    const { url } = await run();
    using terminal = new Terminal(url);
    await once(terminal.socket, 'open');
    terminal.socket.pause();
    const chunk = Buffer.alloc(64 * 1024, 'x');
    const chunks = 320;
    let written = 0;
    const write = () => {
      while (written < chunks) {
        written += 1;
        if (!running.stdout.write(chunk)) return void running.stdout.once('drain', write);
      }
      running.stdout.end();
      running.stderr.end();
      running.exit.resolve(0);
    };
    write();
    await eventually('the client is slow', () => written > 16 && running.stdout.writableNeedDrain);
    terminal.socket.resume();
    assert.equal(await terminal.closed(), 1000);
    assert.equal(Buffer.concat(terminal.bytes).length, chunks * chunk.length);
  });

  test('may send input before the process has started', async () => {
    const { url } = await run();
    const ready = Promise.withResolvers<void>();
    fixture.operations.attach = async (_, __, signal) => {
      await ready.promise;
      return running.session(signal);
    };
    using terminal = new Terminal(url);
    await once(terminal.socket, 'open');
    terminal.socket.send(Buffer.from('ls\n'), { binary: true });
    ready.resolve();
    const [bytes] = await once(running.stdin, 'data');
    assert.equal(String(bytes), 'ls\n');
  });

  test('can connect once, within a minute, at the right address', async () => {
    const { url } = await run();
    using first = new Terminal(url);
    assert.equal(await first.outcome(), 'open');
    const late = await run();
    elapsedMs += 60_001;
    const strange = `${fixture.url.replace('http', 'ws')}/attach/${'a'.repeat(43)}`;
    const elsewhere = [`${fixture.url.replace('http', 'ws')}/apps`, fixture.url.replace('http', 'ws')];
    for (const address of [url, late.url, strange, ...elsewhere]) {
      using again = new Terminal(address);
      assert.equal(await again.outcome(), 'refused 404', address);
    }
    assert.equal(attached.length, 1);
    const plain = await fixture.ask('GET', new URL(late.url).pathname, { token: null });
    assert.equal(plain.status, 422);
  });

  test('is refused to a page of another origin', async () => {
    const { url } = await run();
    using foreign = new Terminal(url, { Origin: 'http://evil.example' });
    assert.equal(await foreign.outcome(), 'refused 404');
    using own = new Terminal(url, { Origin: fixture.url });
    assert.equal(await own.outcome(), 'open', 'and the address is not used up by it');
  });

  test('gets the reason when there is no process', async () => {
    fixture.operations.attach = async () => {
      throw new PlatformError('no_capacity', '4 cloudlets do not fit: 1 of 64 is free.');
    };
    using refused = new Terminal((await run()).url);
    assert.equal(await refused.closed(), 1011);
    assert.deepEqual(refused.messages, [{ type: 'error', message: '4 cloudlets do not fit: 1 of 64 is free.' }]);
    fixture.operations.attach = async () => {
      throw new TypeError('canary');
    };
    using broken = new Terminal((await run()).url);
    assert.equal(await broken.closed(), 1011);
    assert.doesNotMatch(JSON.stringify(broken.messages), /canary/);
  });

  test('that disconnects is noticed, and one that sends invalid messages is closed', async () => {
    using terminal = new Terminal((await run()).url);
    await once(terminal.socket, 'open');
    await eventually('the process is attached', () => running.signal !== null);
    terminal.socket.terminate();
    await eventually('the verb hears of it', () => running.signal?.aborted);

    for (const nonsense of ['{', '{"type":"exec"}', '{"type":"resize","columns":0,"rows":1e9}']) {
      running = new Process();
      using other = new Terminal((await run()).url);
      await once(other.socket, 'open');
      other.socket.send(nonsense);
      assert.equal(await other.closed(), 1008, nonsense);
    }
    running = new Process();
    using large = new Terminal((await run()).url);
    await once(large.socket, 'open');
    large.socket.send(Buffer.alloc(1024 * 1024 + 1), { binary: true });
    assert.equal(await large.closed(), 1009);
  });

  test('is closed when its token is revoked', async () => {
    const person = await fixture.signUp('leaver@example.com');
    const theirs = await fixture.operations.createApp('theirs', person.actor);
    await fixture.deploy(theirs);
    const { url } = await run(person.token, 'theirs');
    using terminal = new Terminal(url);
    await once(terminal.socket, 'open');
    await eventually('the process is attached', () => running.signal !== null);
    const [token] = await fixture.store.tokens.list(person.actor.accountId);
    await fixture.store.tokens.remove(token?.id ?? '');
    await eventually('the terminal is closed', () => terminal.closeCode !== null);
    assert.ok(running.signal?.aborted);
  });

  test('does not delay the stop of the platform', { timeout: scaled(20_000) }, async () => {
    const other = await startApi();
    const theirs = await other.newApp('closing');
    await other.deploy(theirs);
    other.operations.attach = async (_, __, signal) => running.session(signal);
    const body = { command: 'bash', attach: true };
    using terminal = new Terminal((await other.ask('POST', '/apps/closing/dynos', { body })).json.attach_url);
    await once(terminal.socket, 'open');
    const tail = await other.ask('POST', '/apps/closing/log-sessions', { body: { tail: true } });
    const log = await fetch(tail.json.logplex_url);
    using deaf = new Terminal((await other.ask('POST', '/apps/closing/dynos', { body })).json.attach_url);
    await once(deaf.socket, 'open');
    deaf.socket.pause();
    // The silent client never closes its side of the connection, and waiting for it would take half a minute.
    await other[Symbol.asyncDispose]();
    assert.equal(await terminal.closed(), 1001);
    assert.equal(await log.text(), '', 'a log that is followed ends cleanly');
  });
});
