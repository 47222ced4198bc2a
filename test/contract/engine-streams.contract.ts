import assert from 'node:assert/strict';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { describe, test } from 'node:test';
import type { ContainerLogLine, ContainerLogOptions, ContainerSpec } from '../../src/domain/containers.ts';
import { scaled } from '../support/deadline.ts';
import { eventually } from '../support/eventually.ts';
import type { UnderTest } from './engine.contract.ts';

export function streamsContract(underTest: UnderTest): void {
  attachContract(underTest);
  logsContract(underTest);
}

function attachContract(underTest: UnderTest): void {
  describe('attaching', { concurrency: 3 }, () => {
    async function attached(script: string, changes: Partial<ContainerSpec> = {}) {
      const fixture = underTest();
      const stop = new AbortController();
      const { containers } = fixture.engine;
      const id = await containers.create(fixture.spec(script, changes));
      const streams = await containers.attach(id, stop.signal);
      await containers.start(id);
      return { ...streams, id, containers, detach: () => stop.abort(), signal: stop.signal };
    }

    test('the program gets the input and its end, and its two outputs stay separate', async () => {
      const { stdin, stdout, stderr, id, containers, signal } = await attached('cat; echo to-err >&2; exit 3', {
        openStdin: true,
      });
      stdin.write('first\n');
      stdin.end('last');
      assert.deepEqual(await Promise.all([text(stdout), text(stderr)]), ['first\nlast', 'to-err\n']);
      assert.equal((await containers.wait(id, signal)).exitCode, 3);
      await containers.remove(id);
    });

    test('a slow reader gets every byte', async () => {
      const { stdout, stderr, id, containers } = await attached('exec seq 1 400000');
      stderr.resume();
      let bytes = 0;
      let hash = 0;
      for await (const chunk of stdout) {
        if (bytes === 0) await new Promise((resolve) => setTimeout(resolve, 100));
        bytes += chunk.length;
        for (const byte of chunk) hash = (hash * 31 + byte) | 0;
      }
      const expected = Buffer.from(Array.from({ length: 400_000 }, (_, index) => `${index + 1}\n`).join(''));
      let expectedHash = 0;
      for (const byte of expected) expectedHash = (expectedHash * 31 + byte) | 0;
      assert.equal(bytes, expected.length);
      assert.equal(hash, expectedHash);
      await containers.remove(id);
    });

    test('megabytes of input arrive complete', async () => {
      const { stdin, stdout, stderr, id, containers } = await attached('exec wc -c', { openStdin: true });
      stderr.resume();
      const chunk = Buffer.alloc(1024 * 1024, 'x');
      for (let sent = 0; sent < 8; sent++) {
        if (!stdin.write(chunk)) await new Promise((resolve) => stdin.once('drain', resolve));
      }
      stdin.end();
      assert.equal(await text(stdout), '8388608\n');
      await containers.remove(id);
    });

    test('a terminal has its size and gets typed keys', async () => {
      const { stdin, stdout, id, containers, signal } = await attached(
        'trap "" WINCH; stty -echo; echo ready; read line; echo "$line at $(stty size)"',
        { openStdin: true, tty: true },
      );
      const seen = collect(stdout);
      await eventually('the terminal is ready', () => seen.text.includes('ready'));
      await containers.resize(id, { columns: 101, rows: 33 });
      stdin.write('typed\n');
      await containers.wait(id, signal);
      await eventually('the answer is there', () => seen.text.includes('typed at 33 101'));
      await containers.remove(id);
    });

    test('detaching ends the streams and leaves the container running', async () => {
      const { stdin, stdout, stderr, id, containers, detach } = await attached('sleep 60', { openStdin: true });
      const ended = Promise.all([text(stdout), text(stderr)]);
      detach();
      assert.deepEqual(await ended, ['', '']);
      stdin.write('to nobody');
      assert.equal((await containers.inspect(id))?.status, 'running');
      await containers.remove(id);
    });
  });
}

function logsContract(underTest: UnderTest): void {
  describe('logs', { concurrency: 3 }, () => {
    async function logged(script: string, changes: Partial<ContainerSpec> = {}) {
      const fixture = underTest();
      const { containers } = fixture.engine;
      const signal = AbortSignal.timeout(scaled(30_000));
      const id = await containers.create(fixture.spec(script, changes));
      await containers.start(id);
      await containers.wait(id, signal);
      const read = (options: ContainerLogOptions) => collectLines(containers.logs(id, options, signal));
      return { id, read, remove: () => containers.remove(id) };
    }

    test('lines have their stream, their order and the engine’s time in nanoseconds', async () => {
      const { read, remove } = await logged('echo one; echo two >&2; sleep 0.05; printf "three, unfinished"');
      const lines = await read({ follow: false });
      assert.deepEqual(
        lines.filter((line) => line.stream === 'stdout').map((line) => line.text),
        ['one', 'three, unfinished'],
      );
      assert.deepEqual(
        lines.filter((line) => line.stream === 'stderr').map((line) => line.text),
        ['two'],
      );
      for (const line of lines) {
        assert.match(line.rawTime, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z$/);
        assert.equal(line.at.getTime(), Date.parse(line.rawTime));
      }
      assert.deepEqual(
        lines.map((line) => line.rawTime),
        lines.map((line) => line.rawTime).toSorted(),
      );
      await remove();
    });

    test('a line of up to 64 KB stays whole, a longer one is split', async () => {
      const { read, remove } = await logged(
        `perl -e 'print "a" x 40000, "\\n", "\\xc3\\xbc" x 30000, "\\n", "c" x 200000, "\\n", "short\\n"'`,
      );
      const lines = (await read({ follow: false })).map((line) => line.text);
      // Not compared directly: a difference would fill the report.
      assert.deepEqual(
        lines.map((line) => line.length),
        [40_000, 30_000, 65_536, 65_536, 65_536, 3_392, 5],
      );
      assert.ok(lines[0] === 'a'.repeat(40_000) && lines[1] === 'ü'.repeat(30_000));
      const pieces = lines.slice(2, -1);
      assert.ok(pieces.join('') === 'c'.repeat(200_000));
      await remove();
    });

    test('a terminal’s log has whole lines, without carriage returns', async () => {
      const { read, remove } = await logged(`perl -e 'print "a" x 40000, "\\n", "end\\n"'`, { tty: true });
      const lines = (await read({ follow: false })).map((line) => line.text);
      assert.deepEqual(
        lines.map((line) => line.replace(/a+/, (many) => `${many.length} a`)),
        ['40000 a', 'end'],
      );
      await remove();
    });

    test('the newest n lines, or the lines since a time, can be read', async () => {
      const { read, remove } = await logged('seq 1 50; sleep 0.1; seq 51 100');
      const all = await read({ follow: false });
      assert.equal(all.length, 100);
      const newest = await read({ follow: false, tail: 3 });
      assert.deepEqual(
        newest.map((line) => line.text),
        ['98', '99', '100'],
      );
      const since = all[50]?.at ?? new Date();
      const later = await read({ follow: false, since });
      assert.ok(later.length >= 50 && later.length < 100, `${later.length} lines`);
      assert.equal(later.at(-1)?.text, '100');
      await remove();
    });

    test('following starts with the existing lines and ends with the container', async () => {
      const fixture = underTest();
      const { containers } = fixture.engine;
      const id = await containers.create(
        fixture.spec('echo before; read line; echo "after $line"', { openStdin: true }),
      );
      const { stdin } = await containers.attach(id, AbortSignal.timeout(scaled(30_000)));
      await containers.start(id);
      const lines: ContainerLogLine[] = [];
      const following = (async () => {
        for await (const line of containers.logs(id, { follow: true }, AbortSignal.timeout(scaled(30_000)))) {
          lines.push(line);
          if (line.text === 'before') stdin.write('input\n');
        }
      })();
      await following;
      assert.deepEqual(
        lines.map((line) => line.text),
        ['before', 'after input'],
      );
      await containers.remove(id);
    });

    test('following can begin before the container starts', async () => {
      const fixture = underTest();
      const { containers } = fixture.engine;
      const signal = AbortSignal.timeout(scaled(30_000));
      const id = await containers.create(fixture.spec('echo hello'));
      const following = collectLines(containers.logs(id, { follow: true }, signal));
      await containers.start(id);
      await containers.wait(id, signal);
      const lines = await following;
      // An engine may also say that there is nothing yet; then the caller follows again after the start.
      assert.ok(lines.length === 0 || lines[0]?.text === 'hello');
      await containers.remove(id);
    });

    test('a reader that stops gets no error', async () => {
      const fixture = underTest();
      const { containers } = fixture.engine;
      const id = await containers.create(fixture.spec('echo up; sleep 60'));
      await containers.start(id);
      const stop = new AbortController();
      const lines: string[] = [];
      for await (const line of containers.logs(id, { follow: true }, stop.signal)) {
        lines.push(line.text);
        stop.abort();
      }
      assert.deepEqual(lines, ['up']);
      await containers.remove(id);
    });
  });
}

async function collectLines(lines: AsyncIterable<ContainerLogLine>): Promise<ContainerLogLine[]> {
  const collected: ContainerLogLine[] = [];
  for await (const line of lines) collected.push(line);
  return collected;
}

function collect(stream: Readable): { readonly text: string } {
  let seen = '';
  stream.on('data', (chunk: Buffer) => {
    seen += chunk.toString('utf8');
  });
  return {
    get text() {
      return seen;
    },
  };
}
