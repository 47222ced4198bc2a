import assert from 'node:assert/strict';
import { buffer, text } from 'node:stream/consumers';
import { describe, test } from 'node:test';
import type { ContainerSpec } from '../../src/domain/containers.ts';
import type { ExecRequest } from '../../src/domain/exec.ts';
import { scaled } from '../support/deadline.ts';
import { eventually } from '../support/eventually.ts';
import type { UnderTest } from './engine.contract.ts';

const shortMs = 200;

/** Programs beside a container's own. */
export function execContract(underTest: UnderTest): void {
  async function running(changes: Partial<ContainerSpec> = {}) {
    const fixture = underTest();
    const { containers } = fixture.engine;
    const id = await containers.create(fixture.spec('sleep 100', changes));
    await containers.start(id);
    const signal = AbortSignal.timeout(scaled(30_000));
    const exec = (request: ExecRequest, stop = signal) => containers.exec(id, request, stop);
    const sh = (script: string, request: Partial<ExecRequest> = {}, stop = signal) =>
      exec({ argv: ['sh', '-c', script], ...request }, stop);
    /** The output of a script. */
    const said = async (script: string, request: Partial<ExecRequest> = {}) => {
      const { stdout, stderr, wait } = await sh(script, request);
      const [output] = await Promise.all([text(stdout), stderr.resume(), wait()]);
      return output;
    };
    return { id, containers, exec, sh, said, remove: () => containers.remove(id) };
  }

  describe('running another program in a container', { concurrency: 3 }, () => {
    test('the program gets the input and its end, its two outputs stay separate, and its exit code is reported', async () => {
      const { sh, remove } = await running();
      const { stdin, stdout, stderr, wait } = await sh('cat; echo to-err >&2; exit 3', { input: true });
      stdin.write('first\n');
      stdin.end('last');
      assert.deepEqual(await Promise.all([text(stdout), text(stderr), wait()]), ['first\nlast', 'to-err\n', 3]);
      await remove();
    });

    test('megabytes of input and output stay complete, even with a slow reader', async () => {
      const { exec, remove } = await running();
      const { stdin, stdout, stderr, wait } = await exec({ argv: ['cat'], input: true });
      stderr.resume();
      const sent = Buffer.alloc(8 * 1024 * 1024, 'stream of bytes\n');
      stdin.end(sent);
      await new Promise((resolve) => stdout.once('readable', resolve));
      const [received, exitCode] = await Promise.all([buffer(stdout), wait()]);
      assert.ok(received.equals(sent), `${received.length} bytes came back`);
      assert.equal(exitCode, 0);
      await remove();
    });

    test('without an input it reads end-of-file at once', async () => {
      const { said, remove } = await running();
      assert.equal(await said('cat; echo over'), 'over\n');
      await remove();
    });

    test('it has the container’s user and environment, or another user, more variables and a directory on request', async () => {
      const { said, remove } = await running({ env: { COLOUR: 'red', SHAPE: 'round' }, workingDir: '/home' });
      const script = 'echo $(id -u):$(id -g) $COLOUR $SHAPE; env | grep ^PWD=';
      assert.equal(await said(script), '10001:10001 red round\nPWD=/home\n');
      const changed = { user: '10002:10003', env: { COLOUR: 'a b "c" $d' }, workingDir: '/etc' };
      assert.equal(await said(script, changed), '10002:10003 a b "c" $d round\nPWD=/etc\n');
      await remove();
    });

    test('it has no more rights than the container: no capabilities, no new privileges, the same seccomp filter, no root', async () => {
      const { said, sh, remove } = await running();
      const status = await said('grep -E "^(Cap(Inh|Prm|Eff|Bnd|Amb)|NoNewPrivs|Seccomp):" /proc/self/status');
      const fields = Object.fromEntries(
        status
          .trim()
          .split('\n')
          .map((line) => line.split(/:\s+/)),
      );
      const none = '0000000000000000';
      assert.deepEqual(fields, {
        ...{ CapInh: none, CapPrm: none, CapEff: none, CapBnd: none, CapAmb: none },
        ...{ NoNewPrivs: '1', Seccomp: '2' },
      });
      for (const user of ['0:0', 'root', '0']) {
        await assert.rejects(sh('true', { user }), { code: 'invalid_params' }, user);
      }
      await remove();
    });

    test('a terminal has its size from the start, can be resized, and gets typed keys', async () => {
      const { sh, remove } = await running();
      const script = 'stty -echo; echo "ready at $(stty size)"; read line; echo "$line at $(stty size)"; exit 4';
      const terminal = { columns: 101, rows: 33 };
      const { stdin, stdout, stderr, resize, wait } = await sh(`sleep 0.2; ${script}`, { input: true, terminal });
      stderr.resume();
      let seen = '';
      stdout.on('data', (chunk: Buffer) => (seen += chunk.toString()));
      await eventually('the terminal is ready', () => seen.includes('ready at 33 101'));
      await resize({ columns: 55, rows: 22 });
      stdin.write('typed\n');
      assert.equal(await wait(), 4);
      assert.match(seen, /typed at 22 55/);
      await resize({ columns: 1, rows: 1 });
      await remove();
    });

    test('Ctrl-C on a terminal ends the program', async () => {
      const { exec, remove } = await running();
      const { stdin, stdout, stderr, wait } = await exec({
        argv: ['sh', '-c', 'echo up; exec sleep 100'],
        input: true,
        terminal: { columns: 80, rows: 24 },
      });
      stderr.resume();
      let seen = '';
      stdout.on('data', (chunk: Buffer) => (seen += chunk.toString()));
      await eventually('it runs', () => seen.includes('up'));
      stdin.write('\x03');
      assert.equal(await wait(), 130);
      await remove();
    });

    test('an abort ends the streams and a program that reads its input, and the container goes on', async () => {
      const { sh, said, id, containers, remove } = await running();
      const stop = new AbortController();
      const { stdout, stderr, wait } = await sh('exec cat', { input: true }, stop.signal);
      const ends = Promise.all([text(stdout), text(stderr)]);
      const told = assert.rejects(wait(), { code: 'cancelled' });
      stop.abort();
      assert.deepEqual(await ends, ['', '']);
      await told;
      const reading = 'for f in /proc/[0-9]*/comm; do read name < $f && echo $name; done 2>/dev/null | grep -c ^cat$';
      await eventually('it has ended', async () => (await said(reading)) === '0\n');
      assert.equal((await containers.inspect(id))?.status, 'running');
      await remove();
    });

    test('a deadline is reported as a timeout, even when nobody reads the output', async () => {
      const { sh, remove } = await running();
      const { wait } = await sh('exec yes', {}, AbortSignal.timeout(shortMs));
      await assert.rejects(wait(), { code: 'timeout', message: /^sh did not end in time/ });
      await remove();
    });

    test('a program that closes its outputs is still waited for', async () => {
      const { sh, remove } = await running();
      const { stdout, stderr, wait } = await sh('exec >&- 2>&-; sleep 0.5; exit 9');
      stdout.resume();
      stderr.resume();
      assert.equal(await wait(), 9);
      await remove();
    });

    test('it ends with its container', async () => {
      const { sh, id, containers, remove } = await running();
      const { stdout, stderr, wait } = await sh('echo up; exec sleep 100');
      stderr.resume();
      await new Promise((resolve) => stdout.once('data', resolve));
      const ended = wait();
      await containers.kill(id, 'SIGKILL');
      assert.equal(await ended, 137);
      await remove();
    });

    test('nothing is started in a container that does not run or was removed', async () => {
      const { sh, id, containers } = await running();
      await containers.pause(id);
      await assert.rejects(sh('true'), { code: 'conflict' });
      await containers.unpause(id);
      await containers.kill(id, 'SIGKILL');
      await containers.wait(id, AbortSignal.timeout(scaled(30_000)));
      await assert.rejects(sh('true'), { code: 'conflict' });
      await containers.remove(id);
      await assert.rejects(sh('true'), { code: 'not_found' });
    });

    test('its output is returned as text up to a limit in bytes, with its exit code', async () => {
      const { id, containers, remove } = await running();
      const { signal } = new AbortController();
      const run = (...argv: string[]) => containers.runInside(id, { argv, maxBytes: 1000 }, signal);
      assert.deepEqual(await run('sh', '-c', 'echo out; echo err >&2; exit 3'), {
        exitCode: 3,
        stdout: 'out\n',
        stderr: 'err\n',
      });
      assert.equal((await run('sh', '-c', 'seq 1 100000')).stdout.length, 1000);
      assert.ok([126, 127].includes((await run('no-such-program')).exitCode));
      await remove();
    });
  });
}
