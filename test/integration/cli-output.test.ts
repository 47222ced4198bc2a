import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { after, before, test } from 'node:test';
import { run } from '../../src/cli/run.ts';
import { CliUser } from '../support/cli.ts';
import { eventually } from '../support/eventually.ts';
import { LargeAnswers } from '../support/large-answers.ts';

const program = join(import.meta.dirname, '../../src/cli/paas.cjs');
let answers: LargeAnswers;
let user: CliUser;

before(async () => {
  answers = await LargeAnswers.start();
  user = await CliUser.create();
});

after(async () => {
  await user[Symbol.asyncDispose]();
  await answers[Symbol.asyncDispose]();
});

const bash = (line: string) => answers.bash(program, `set -o pipefail\n${line}`, { HOME: user.home });

const { length, lines } = LargeAnswers;
const commands: readonly (readonly [line: string, leastBytes: number])[] = [
  ['paas logs -n 10000', length + lines],
  ['paas logs -n 10000 --json', length + lines],
  ['paas apps --json', length],
  ['paas config', length],
  ['paas config -s', length],
  ['paas config:get LARGE', length],
  ['paas releases --json', length],
];

test('a slow reader of a pipe gets all of the output, from every command', async () => {
  for (const [line, leastBytes] of commands) {
    const { code, stdout, stderr } = await bash(`${line} | { sleep 0.2; wc -c; }`);
    assert.ok(Number(stdout) >= leastBytes, `${line}: ${stdout} ${stderr.slice(0, 500)}`);
    assert.equal(code, 0, line);
  }
});

test('a slow reader of an error gets all of it, and the exit code is that of the error', async () => {
  const { code, stdout } = await bash('paas info 2>&1 >/dev/null | { sleep 0.2; wc -c; }');
  assert.ok(Number(stdout) > length, stdout.slice(0, 500));
  assert.equal(code, 2);
});

test('a reader that closes the pipe early ends the output quietly', async () => {
  for (const line of ['paas logs -n 10000', 'paas apps --json', 'paas config -s', 'paas help']) {
    assert.deepEqual(await bash(`${line} | head -c 3 >/dev/null`), { code: 0, stdout: '', stderr: '' }, line);
  }
  const { code, stderr } = await bash('paas info 2> >(head -c 3 >/dev/null)');
  assert.deepEqual([code, stderr], [2, ''], 'a closed stderr changes nothing of the end');
});

test('an output that cannot be written is an error with its reason', async () => {
  for (const line of ['paas apps --json', 'paas logs', 'paas help']) {
    const { code, stderr } = await bash(`${line} >/dev/full`);
    assert.equal(code, 1, line);
    assert.match(stderr, /^ › {3}Error: The output could not be written: there is no space left on the disk\.\n/, line);
  }
  const cut = await bash(`cd ${user.home} && ulimit -f 8 && paas apps --json >cut`);
  assert.equal(cut.code, 1);
  assert.match(cut.stderr, /Error: The output could not be written: the file would become larger than is allowed\.\n/);
});

test('a file gets all of the output, and a closed output is none', async () => {
  const { stdout } = await bash(`cd ${user.home} && paas apps --json >whole && wc -c <whole`);
  assert.ok(Number(stdout) > length);
  for (const line of ['paas help >&-', 'paas help >/dev/null 2>&-', 'paas help <&- >/dev/null']) {
    assert.deepEqual(await bash(line), { code: 0, stdout: '', stderr: '' }, line);
  }
  assert.equal((await bash('paas info 2>/dev/full')).code, 2);
});

test('a log that is followed is read no faster than its reader reads', async (t) => {
  const total = 64 * 1024 * 1024;
  let sent = 0;
  const server = createServer((request, response) => {
    request.resume();
    if (request.method === 'POST') {
      response.writeHead(201, { 'Content-Type': 'application/json' });
      return response.end(JSON.stringify({ logplex_url: `${address()}/log` }));
    }
    response.writeHead(200, { 'Content-Type': 'text/event-stream' });
    const event = `data: ${'x'.repeat(8000)}\n\n`;
    const send = () => {
      while (sent < total) {
        sent += event.length;
        if (!response.write(event)) return response.once('drain', send);
      }
    };
    send();
  }).listen(0, '127.0.0.1');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = () => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  await eventually('the server listens', () => server.listening);
  const reader = Promise.withResolvers<void>();
  const stdout = new Writable({ write: (_chunk, _encoding, done) => void reader.promise.then(() => done()) });
  const stop = new AbortController();
  const ended = run(['logs', '--tail'], {
    stdin: process.stdin,
    stdout,
    stderr: process.stderr,
    env: { ...user.env, PAAS_API: address(), PAAS_TOKEN: 'x', PAAS_APP: 'shop' },
    cwd: user.home,
    signal: stop.signal,
    now: () => new Date(),
  });
  const seen: number[] = [];
  await eventually('the server waits for the reader', () => {
    assert.ok(sent < total, 'everything was read');
    seen.push(sent);
    return seen.length > 20 && seen.at(-20) === sent;
  });
  const before = sent;
  reader.resolve();
  await eventually('a reader that goes on gets more', () => sent > before);
  stop.abort();
  assert.equal(await ended, 0);
});
