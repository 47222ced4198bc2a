import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PassThrough, Writable } from 'node:stream';
import { after, before, beforeEach, test } from 'node:test';
import { promisify } from 'node:util';
import { PlatformError } from '../../src/domain/errors.ts';
import type { RunSession } from '../../src/domain/operations.ts';
import { type ApiFixture, startApi } from '../support/api.ts';
import { CliUser } from '../support/cli.ts';
import { eventually } from '../support/eventually.ts';

const runFile = promisify(execFile);
let api: ApiFixture;
let user: CliUser;
const sizes: { readonly columns: number; readonly rows: number }[] = [];

/** A one-off on this machine without a container: this tests the API and the client. */
function localRun(signal: AbortSignal): RunSession {
  const command = api.operations.runs.at(-1)?.command ?? '';
  const child = spawn('bash', ['-c', command], { stdio: ['pipe', 'pipe', 'pipe'], signal });
  child.on('error', () => {}); // Killed by the signal; `exited` reports it.
  child.stdin.on('error', () => {});
  const { promise: exited, resolve } = Promise.withResolvers<number>();
  child.on('close', (code) => resolve(code ?? 137));
  const { stdin, stdout, stderr } = child;
  return { stdin, stdout, stderr, resize: async (size) => void sizes.push(size), exited };
}

before(async () => {
  api = await startApi();
  user = await CliUser.create();
  user.logIn(api.url, api.owner.token);
  await api.deploy(await api.newApp('shop'));
});

after(async () => {
  await user[Symbol.asyncDispose]();
  await api[Symbol.asyncDispose]();
});

beforeEach(() => {
  api.operations.attach = async (_app, _id, signal) => localRun(signal);
});

const run = (args: readonly string[], input?: string | Buffer) =>
  user.paas(['run', '-a', 'shop', ...args], input === undefined ? {} : { input });

test("run prints the command's output and exits with its exit code", async () => {
  const { code, stdout, stderr } = await run(['echo out; exit 42']);
  assert.equal(code, 42);
  assert.equal(stdout, 'out\n');
  assert.match(stderr, /^Running echo out; exit 42 on shop\.\.\. up, run\.\d+\n$/);
});

test('a single argument is a line for bash, several are run unchanged', async () => {
  assert.equal((await run(['echo $((1 + 1)) | cat'])).stdout, '2\n');
  assert.equal((await run(['--', 'printf', '%s|', 'a b', '$HOME', "it's"])).stdout, "a b|$HOME|it's|");
  assert.equal((await run(['ls', '-d', '/'])).stdout, '/\n', 'an option that paas does not know is the command’s');
});

test('flags of paas may follow the command, as with heroku run', async () => {
  const { stdout } = await user.paas(['run', 'echo', 'here', '-a', 'shop']);
  assert.equal(stdout, 'here\n');
});

test('the command gets piped input to the last byte, and its end', async () => {
  const bytes = Buffer.alloc(3_000_000, 'abc\0\x04\xff', 'latin1');
  const { code, stdout } = await run(['sha256sum'], bytes);
  assert.equal(code, 0);
  assert.equal(stdout, `${createHash('sha256').update(bytes).digest('hex')}  -\n`);
});

test('without a terminal the outputs stay apart, byte for byte', async () => {
  const { stdout, stderr } = await run(['echo out; echo err >&2; echo again']);
  assert.equal(stdout, 'out\nagain\n');
  assert.match(stderr, /^Running [^\n]* up, run\.\d+\nerr\n$/);
  const bytes = Buffer.from(Array.from({ length: 300_000 }, (_, i) => (i * 7 + (i >> 8)) & 0xff));
  const folder = user.home;
  await writeFile(join(folder, 'in'), bytes);
  const program = join(import.meta.dirname, '../../src/cli/paas.cjs');
  const env = { ...user.env, PAAS_APP: 'shop' } as NodeJS.ProcessEnv;
  const line = '"$0" "$1" run "tee >(cat >&2)" <in >out 2>err; "$0" "$1" run "cat; exit 3" </dev/null; echo $?; ';
  const { stdout: said } = await runFile('bash', ['-c', line, process.execPath, program], { cwd: folder, env });
  assert.equal(said, '3\n');
  assert.deepEqual(await readFile(join(folder, 'out')), bytes);
  const err = await readFile(join(folder, 'err'));
  assert.deepEqual(err.subarray(err.indexOf('\n') + 1), bytes, 'after our own line');
});

test('a reader that closes the output ends the command, as a closed pipe does on this machine', async () => {
  for (const closed of ['stdout', 'stderr'] as const) {
    const broken = new Writable({ write: (_chunk, _encoding, done) => done(new Error('closed')) }).on(
      'error',
      () => {},
    );
    const command = closed === 'stdout' ? 'exec yes' : 'exec yes >&2';
    assert.equal(await user.runOn({ [closed]: broken }, ['run', '-a', 'shop', command]), 141);
  }
});

test('an input that cannot be read is an error', async () => {
  const input = new PassThrough();
  const running = user.start(['run', '-a', 'shop', 'cat'], { input });
  await eventually('it is up', () => /up, run\.\d+/.test(running.stderr.text));
  input.destroy(Object.assign(new Error('a folder'), { code: 'EISDIR' }));
  assert.equal(await running.ended, 1);
  assert.match(running.stderr.text, /Error: Standard input cannot be read: it is a folder\.\n/);
});

test('a command that does not read its input still ends', async () => {
  const endless = new PassThrough();
  endless.write('never read\n');
  const { code } = await user.paas(['run', '-a', 'shop', 'exit 3'], { input: endless });
  assert.equal(code, 3);
});

test('--no-stdin leaves the input to others', async () => {
  const input = new PassThrough();
  input.write('of the loop\n');
  const { code, stdout } = await user.paas(['run', '--no-stdin', '-a', 'shop', 'cat; echo end'], { input });
  assert.deepEqual([code, stdout], [0, 'end\n']);
  assert.equal(input.read()?.toString(), 'of the loop\n');
});

test('a large output arrives complete', async () => {
  const { stdout } = await run(['head -c 2000000 /dev/zero | tr "\\0" x']);
  assert.equal(stdout.length, 2_000_000);
});

test('run --json prints the output and the exit code as one document', async () => {
  const { code, stdout } = await run(['--json', 'echo "a line"; echo "an error" >&2; exit 4']);
  assert.equal(code, 4);
  const document = JSON.parse(stdout);
  assert.match(document.name, /^run\.\d+$/);
  assert.deepEqual({ ...document, name: '' }, { name: '', exit_code: 4, output: 'a line\n', stderr: 'an error\n' });
});

test('--env and --size are for this run only', async () => {
  await run(['-e', 'A=1;B=x=y', '-e', 'C=3', '-s', '1G', 'true']);
  const request = api.operations.runs.at(-1);
  assert.deepEqual(request?.env, { A: '1', B: 'x=y', C: '3' });
  assert.deepEqual(request?.size, { reserved: 8, limit: 8 });
  assert.equal(request?.tty, false, 'no terminal, no tty');
});

test('on a terminal the command gets every key and the size, and the terminal is restored at the end', async () => {
  const raw: boolean[] = [];
  const keys = Object.assign(new PassThrough(), { isTTY: true, setRawMode: (on: boolean) => raw.push(on) });
  const screen = { colourDepth: 8, columns: 132 };
  const running = user.start(['run', '-a', 'shop', 'head -c 3 | od -An -tx1'], { input: keys, terminal: screen });
  await eventually('it is up', () => /up, run\.\d+/.test(running.stderr.text));
  await eventually('the size is known', () => sizes.some(({ columns }) => columns === 132));
  keys.write('a\x03\r');
  assert.equal(await running.ended, 0);
  assert.equal(running.stdout.text.trim(), '61 03 0d', 'Ctrl-C is a key as any other');
  assert.deepEqual(raw, [true, false]);
  const request = api.operations.runs.at(-1);
  assert.equal(request?.tty, true);
  assert.equal(request?.columns, 132);
});

test('--no-tty gives the command no terminal', async () => {
  const keys = Object.assign(new PassThrough(), { isTTY: true, setRawMode: () => assert.fail('no raw mode') });
  keys.end('x');
  const result = await user.paas(['run', '--no-tty', '-a', 'shop', 'cat'], {
    input: keys,
    terminal: { colourDepth: 8 },
  });
  assert.equal(result.stdout, 'x');
  assert.equal(api.operations.runs.at(-1)?.tty, false);
});

test('the reason why a command did not start is shown', async () => {
  api.operations.attach = async () => {
    throw new PlatformError('start_failed', 'run.1 was not started: no image.');
  };
  const { code, stderr } = await run(['true']);
  assert.equal(code, 1);
  assert.match(stderr, / › {3}Error: run\.1 was not started: no image\.\n/);
});

test('an option before the command is an option of paas, and an unknown one is an error', async () => {
  const before = api.operations.runs.length;
  const { code, stderr } = await run(['--nope', 'true']);
  assert.equal(code, 2);
  assert.match(stderr, /Error: Unknown option '--nope'\n ›\n › {3}See: paas help run\n/);
  assert.equal(api.operations.runs.length, before);
  for (const empty of [[], [''], ['--', ' ']]) {
    assert.match(
      (await run(empty)).stderr,
      /^ › {3}Error: Usage: paas run COMMAND\n.*Must specify a command to run\.\n$/,
    );
  }
  assert.equal((await run(['--no-notify', 'echo as with heroku'])).stdout, 'as with heroku\n');
  assert.equal((await run(['echo', '-j', '4'])).stdout, '-j 4\n');
});

test('run:detached runs the command in the background and says how to see its output', async () => {
  const { code, stdout, stderr } = await user.paas(['run:detached', '-a', 'shop', '-e', 'A=1', 'bin/report', '--all']);
  const name = /done, (run\.\d+)\n$/.exec(stderr)?.[1];
  assert.equal(stderr, `Running bin/report --all on shop... done, ${name}\n`);
  assert.equal(stdout, `Run paas logs --app shop --dyno ${name} to view the output.\n`);
  assert.equal(code, 0);
  const request = api.operations.runs.at(-1);
  assert.deepEqual(
    [request?.command, request?.attach, request?.tty, request?.env],
    ['bin/report --all', false, false, { A: '1' }],
  );
  const document = JSON.parse((await user.paas(['run:detached', '-a', 'shop', '--json', 'true'])).stdout);
  assert.equal(document.type, 'run');
  assert.match((await user.paas(['run:detached', '-a', 'shop'])).stderr, /Usage: paas run:detached COMMAND/);
});

test('run:detached --tail follows the output of the command', async () => {
  const running = user.start(['run:detached', '-a', 'shop', '--tail', 'bin/report']);
  const name = await eventually('it is up', () => /done, (run\.\d+)\n/.exec(running.stderr.text)?.[1]);
  const app = await api.store.apps.findByName('shop');
  const line = { at: new Date(), source: 'app', release: 1 } as const;
  api.appLog.write(app?.id ?? '', { ...line, process: 'web.1', text: 'of another' });
  api.appLog.write(app?.id ?? '', { ...line, process: name, text: 'of this one' });
  await eventually('its line is shown', () => running.stdout.text.includes('of this one'));
  assert.doesNotMatch(running.stdout.text, /of another/);
  running.stop();
  await running.ended;
});

test('run without a command shows the usage', async () => {
  const { code, stderr } = await run([]);
  assert.equal(code, 2);
  assert.match(stderr, /Usage: paas run COMMAND\n › {3}Must specify a command to run\./);
});

test('run exits with 1 when it is stopped', async () => {
  const running = user.start(['run', '-a', 'shop', 'echo ready; sleep 60'], { input: new PassThrough() });
  await eventually('it runs', () => running.stdout.text.includes('ready'));
  running.stop();
  assert.equal(await running.ended, 1);
});
