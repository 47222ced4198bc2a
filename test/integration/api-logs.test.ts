import assert from 'node:assert/strict';
import { request } from 'node:http';
import { json } from 'node:stream/consumers';
import { after, before, beforeEach, describe, test } from 'node:test';
import type { App } from '../../src/domain/app.ts';
import type { LogLine, LogSource } from '../../src/domain/log-line.ts';
import { type Clock, systemClock } from '../../src/system/clock.ts';
import { type ApiFixture, startApi } from '../support/api.ts';
import { eventually } from '../support/eventually.ts';

interface Event {
  readonly id: string;
  readonly data: string;
}

/** Reads a log session as an EventSource does. */
class Reader implements AsyncDisposable {
  readonly events: Event[] = [];
  readonly response: Response;
  readonly done: Promise<void>;
  ended = false;
  readonly #abort: AbortController;

  private constructor(response: Response, abort: AbortController) {
    this.response = response;
    this.#abort = abort;
    this.done = this.#read().catch(() => undefined);
  }

  static async open(url: string, lastEventId?: string): Promise<Reader> {
    const abort = new AbortController();
    const headers = lastEventId === undefined ? {} : { 'Last-Event-ID': lastEventId };
    return new Reader(await fetch(url, { signal: abort.signal, headers }), abort);
  }

  get texts(): readonly string[] {
    return this.events.map(({ data }) => data.replace(/^.*?\]: /, ''));
  }

  async has(...texts: readonly string[]): Promise<void> {
    await eventually(`the session shows ${texts.join(', ')}`, () => assert.deepEqual(this.texts, texts) ?? true);
  }

  async #read(): Promise<void> {
    let rest = '';
    const decoder = new TextDecoder();
    for await (const chunk of this.response.body ?? []) {
      rest += decoder.decode(chunk, { stream: true });
      const blocks = rest.split('\n\n');
      rest = blocks.pop() ?? '';
      for (const block of blocks) {
        const field = (name: string) =>
          block
            .split('\n')
            .filter((line) => line.startsWith(`${name}: `))
            .map((line) => line.slice(name.length + 2));
        if (field('data').length === 0) continue;
        assert.equal(field('data').length, 1, 'a line is one data field');
        this.events.push({ id: field('id')[0] ?? '', data: field('data')[0] ?? '' });
      }
    }
    this.ended = true;
  }

  async [Symbol.asyncDispose]() {
    this.#abort.abort();
    await this.done;
  }
}

describe('log sessions', () => {
  let fixture: ApiFixture;
  let app: App;
  let count = 0;
  let elapsedMs = 0;
  const clock: Clock = { ...systemClock, monotonicMs: () => elapsedMs };

  before(async () => {
    fixture = await startApi({ clock });
  });
  beforeEach(async () => {
    count += 1;
    app = await fixture.newApp(`logs${count}`);
  });
  after(() => fixture[Symbol.asyncDispose]());

  let ms = Date.parse('2026-01-01T00:00:00.000Z');
  const write = (text: string, line: Partial<LogLine> = {}) => {
    ms += 1;
    const whole: LogLine = { at: new Date(ms), source: 'app', process: 'web.1', release: 1, text, ...line };
    fixture.appLog.write(app.id, whole);
  };
  const session = async (body: object = {}): Promise<string> => {
    const answer = await fixture.ask('POST', `/apps/${app.name}/log-sessions`, { body });
    assert.equal(answer.status, 201);
    return answer.json.logplex_url;
  };

  test('the address is the secret: it needs no token, and ends cleanly without tail', async () => {
    write('one', { at: new Date('2025-12-31T23:59:59.123Z') });
    write('two', { source: 'platform' });
    const url = await session();
    assert.match(url, new RegExp(`^http://127\\.0\\.0\\.1:${fixture.port}/log-sessions/[\\w-]{43}$`));
    await using reader = await Reader.open(url);
    assert.equal(reader.response.status, 200);
    assert.equal(reader.response.headers.get('content-type'), 'text/event-stream');
    await reader.done;
    assert.equal(reader.ended, true);
    assert.equal(reader.events[0]?.data, '2025-12-31T23:59:59.123000+00:00 app[web.1]: one');
    assert.match(reader.events[1]?.data ?? '', /^2026-01-01T00:00:00\.\d{6}\+00:00 paas\[web\.1\]: two$/);
    assert.ok(reader.events.every(({ id }) => id !== ''));
  });

  test('it shows the requested number of lines of the requested process, source and release', async () => {
    const sources: readonly LogSource[] = ['app', 'platform', 'build', 'router'];
    for (const source of sources) write(source, { source, process: source === 'router' ? 'router' : 'web.1' });
    write('worker', { process: 'worker.1', release: 2 });
    const shown = async (body: object) => {
      await using reader = await Reader.open(await session(body));
      await reader.done;
      return reader.texts;
    };
    assert.deepEqual(await shown({}), ['app', 'platform', 'build', 'router', 'worker']);
    assert.deepEqual(await shown({ lines: 2 }), ['router', 'worker']);
    assert.deepEqual(await shown({ lines: 0 }), []);
    assert.deepEqual(await shown({ source: 'app' }), ['app', 'worker']);
    for (const source of ['heroku', 'platform', 'paas'])
      assert.deepEqual(await shown({ source }), ['platform', 'router']);
    assert.deepEqual(await shown({ source: 'build' }), ['build']);
    assert.deepEqual(await shown({ dyno: 'worker.1' }), ['worker']);
    assert.deepEqual(await shown({ dyno: 'worker' }), ['worker']);
    assert.deepEqual(await shown({ release: 2 }), ['worker']);
    assert.deepEqual(
      await shown({ dyno: null, source: null, lines: null, tail: null }).then((texts) => texts.length),
      5,
    );
    for (const body of [{ lines: -1 }, { lines: 1e9 }, { source: 'all' }, { lines: '10' }, { follow: true }]) {
      const answer = await fixture.ask('POST', `/apps/${app.name}/log-sessions`, { body });
      assert.equal(answer.status, 422, JSON.stringify(body));
    }
  });

  test('it follows, and a reader that returns with the id of its last line misses and repeats none', async () => {
    const same = new Date(ms + 500);
    ms += 1000;
    write('before');
    const url = await session({ tail: true });
    let lastId: string | undefined;
    {
      await using reader = await Reader.open(url);
      await reader.has('before');
      write('same', { at: same });
      write('same', { at: same });
      await reader.has('before', 'same', 'same');
      lastId = reader.events[1]?.id;
    }
    write('while away 1');
    write('while away 2');
    await using again = await Reader.open(url, lastId);
    await again.has('same', 'while away 1', 'while away 2');
    write('after');
    await again.has('same', 'while away 1', 'while away 2', 'after');
    await using third = await Reader.open(url, again.events.at(-1)?.id);
    write('last');
    await third.has('last');
  });

  test('a reader whose last line was deleted continues with later lines', async () => {
    write('old');
    const later = ms;
    write('new');
    await using reader = await Reader.open(await session({ tail: true }), `${later}-AAAAAAAAAA-0`);
    await reader.has('new');
  });

  test('a line cannot break the format of the stream', async () => {
    write('a\n\nid: 1\ndata: forged\r\r: comment');
    await using reader = await Reader.open(await session());
    await reader.done;
    assert.ok(reader.events.length > 0);
    for (const { id, data } of reader.events) {
      assert.notEqual(id, '1');
      assert.match(data, /^2026-\S+ app\[web\.1\]: /);
    }
    assert.match(reader.texts.join(' '), /id: 1.*data: forged/);
  });

  test('an address that was not opened within 5 minutes expires, and an unknown one is refused', async () => {
    const url = await session();
    elapsedMs += 5 * 60_000 - 1;
    await using inTime = await Reader.open(url);
    assert.equal(inTime.response.status, 200);
    await inTime.done;
    elapsedMs += 5 * 60_000 + 1;
    for (const address of [url, `${fixture.url}/log-sessions/${'a'.repeat(43)}`, `${fixture.url}/log-sessions/x`]) {
      await using reader = await Reader.open(address);
      assert.equal(reader.response.status, 404);
      assert.match(reader.response.headers.get('content-type') ?? '', /json/);
    }
  });

  test('it ends when the token is revoked or the app destroyed, and cannot be opened again', async () => {
    const person = await fixture.signUp('logs@example.com');
    const theirs = await fixture.operations.createApp('theirs', person.actor);
    const open = async () => {
      const body = { tail: true };
      const answer = await fixture.ask('POST', '/apps/theirs/log-sessions', { body, token: person.token });
      return answer.json.logplex_url as string;
    };
    const [first, second] = [await open(), await open()];
    await using reader = await Reader.open(first);
    const [token] = await fixture.store.tokens.list(person.actor.accountId);
    await fixture.store.tokens.remove(token?.id ?? '');
    await eventually('the stream ends', () => reader.ended);
    await using again = await Reader.open(second);
    assert.equal(again.response.status, 404);
    assert.ok(theirs.id);

    await using own = await Reader.open(await session({ tail: true }));
    await fixture.ask('DELETE', `/apps/${app.name}`);
    await eventually('the stream ends', () => own.ended);
  });

  test('it ends when its token expires', async () => {
    const { operations, owner, ask } = fixture;
    await operations.createApp('brief', owner.actor);
    const expiresAt = new Date(Date.now() + 1500);
    const { secret } = await operations.createToken({ description: '', scope: 'read', expiresAt }, owner.actor);
    const { json } = await ask('POST', '/apps/brief/log-sessions', { body: { tail: true }, token: secret });
    await using reader = await Reader.open(json.logplex_url);
    assert.equal(reader.response.status, 200);
    await eventually('the stream ends', () => reader.ended);
  });

  test('the address has the hostname and scheme of the API request', async () => {
    const { settings } = fixture;
    const raw = (host: string, extra: Record<string, string> = {}) =>
      new Promise<string>((resolve, reject) => {
        const headers = {
          Host: host,
          Authorization: `Bearer ${fixture.owner.token}`,
          'Content-Type': 'application/json',
          ...extra,
        };
        request({ port: fixture.port, method: 'POST', path: `/apps/${app.name}/log-sessions`, headers }, (response) => {
          json(response).then((body) => resolve(new URL((body as { logplex_url: string }).logplex_url).origin), reject);
        })
          .on('error', reject)
          .end('{}');
      });
    assert.equal(await raw(`127.0.0.1:${fixture.port}`), fixture.url);
    assert.equal(await raw(`api.${settings.domain}:8080`), 'http://api.localhost:8080');
    assert.equal(await raw(`api.${settings.domain}`, { 'X-Forwarded-Proto': 'https' }), 'https://api.localhost');
    assert.equal(await raw('evil.example/@x'), fixture.url);
  });

  test("a build's log is read with the token, or at its own address without one, until the build ends", async () => {
    const { store, ask } = fixture;
    const build = await store.builds.create({ appId: app.id, pushId: null, commit: 'abc', treeId: 'def' });
    const at = (offsetMs: number) => new Date(Date.parse('2026-02-01T00:00:00Z') + offsetMs);
    const say = (text: string, offsetMs: number) =>
      write(text, { source: 'build', process: 'build', at: at(offsetMs) });
    say('an earlier build', -1);
    await store.builds.update(build.id, { state: 'building', startedAt: at(0) });
    say('-----> Node.js app detected', 1);
    write('not of the build', { at: at(2) });
    const shown = (await ask('GET', `/apps/${app.name}/builds/${build.id}`)).json;
    assert.equal(shown.status, 'pending');
    assert.equal(shown.source_blob.version, 'abc');
    const live = (await fetch(shown.output_stream_url)).body?.getReader();
    const first = await live?.read();
    assert.equal(
      Buffer.from(first?.value ?? []).toString(),
      '-----> Node.js app detected\n',
      'it comes while it is built',
    );
    const authorised = ask('GET', `/apps/${app.name}/builds/${build.id}/output`);
    say('       added 12 packages', 3);
    await store.builds.update(build.id, { state: 'failed', reason: 'npm ci failed', endedAt: at(4) });
    say('a later build', 5);
    const expected = '-----> Node.js app detected\n       added 12 packages\n';
    const second = await live?.read();
    assert.equal(Buffer.from(second?.value ?? []).toString(), '       added 12 packages\n');
    assert.equal((await live?.read())?.done, true);
    assert.equal((await authorised).text, expected);
    const over = (await ask('GET', `/apps/${app.name}/builds`)).json[0];
    assert.equal(over.status, 'failed');
    assert.equal(over.reason, 'npm ci failed');
    assert.equal(await fetch(over.output_stream_url).then((response) => response.text()), expected);
    const forged = over.output_stream_url.replace(build.id, '00000000-0000-4000-8000-000000000000');
    assert.equal((await fetch(forged)).status, 404);
  });
});
