import assert from 'node:assert/strict';
import { PassThrough, Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { describe, test } from 'node:test';
import tarStream from 'tar-stream';
import type { VolumeCopy } from '../../src/domain/volume-copy.ts';
import { scaled } from '../support/deadline.ts';
import type { EngineFixture } from '../support/engine-fixture.ts';
import { eventually } from '../support/eventually.ts';
import type { UnderTest } from './engine.contract.ts';

const deadline = () => AbortSignal.timeout(scaled(60_000));
let count = 0;

/** Volumes as tars. */
export function volumeCopiesContract(underTest: UnderTest): void {
  /** A new volume, and the spec for its copies. */
  async function made(): Promise<VolumeCopy> {
    const { engine, runId, labels, imageId } = underTest();
    const volume = `${runId}-copy-${++count}`;
    await engine.volumes.create(volume, labels);
    return { volume, image: imageId, user: '10001:10001', path: '/home', labels };
  }

  async function filled(script: string): Promise<VolumeCopy> {
    const copy = await made();
    await inside(copy, script);
    return copy;
  }

  async function inside({ volume }: VolumeCopy, script: string): Promise<string> {
    const { exitCode, stdout, stderr } = await underTest().run(`cd /home; ${script}`, {
      volumes: [{ name: volume, path: '/home' }],
    });
    assert.equal(exitCode, 0, stderr);
    return stdout;
  }

  const exported = (copy: VolumeCopy) => buffer(underTest().engine.volumes.exportTar(copy, deadline()));
  const imported = (copy: VolumeCopy, tar: Buffer | Readable) =>
    underTest().engine.volumes.importTar(copy, Buffer.isBuffer(tar) ? Readable.from([tar]) : tar, deadline());

  /** Containers that a copy may have left. */
  async function copying({ engine, labels }: EngineFixture, { volume }: VolumeCopy) {
    return (await engine.containers.list(labels)).filter(({ name }) => name.startsWith(`${volume}-`));
  }

  /** Every file with its kind, mode, owner, links, size and time to the nanosecond. */
  const listing = `stat -c '%n %F %a %u:%g %h %s %y' . a a/* 'odd
name' .hidden; readlink a/link; cat a/hard a/file | head -c 30; cat 'odd
name'`;
  const filling = `
    mkdir a a/empty a/closed; echo content > a/file; ln a/file a/hard; ln -s ../nowhere a/link; mkfifo a/pipe
    yes | head -c 3000000 > a/large; dd if=/dev/zero of=a/zeros bs=512 count=8 2>/dev/null; : > .hidden
    echo odd > 'odd
name'
    chmod 4711 a/file; chmod 1750 a/empty; touch -d '2001-02-03 04:05:06.789012345' a/large a/empty; touch -h -d 2002-03-04 a/link
    chmod 0500 a/closed; chmod 0400 .hidden; touch -d 2003-04-05 a; chmod 0711 .; touch -d 2004-05-06 .`;

  describe('volumes as tars', { concurrency: 3 }, () => {
    test('a copy keeps owners, modes, times, links and empty folders', async () => {
      const source = await filled(filling);
      const target = await made();
      await imported(target, await exported(source));
      const wanted = await inside(source, listing);
      assert.match(wanted, /a\/hard regular file 4711 10001:10001 2 8 /);
      assert.equal(await inside(target, listing), wanted);
      assert.deepEqual(await copying(underTest(), source), []);
      assert.deepEqual(await copying(underTest(), target), []);
    });

    test('an empty volume is exported and imported as an empty volume', async () => {
      const source = await made();
      const target = await made();
      await imported(target, await exported(source));
      assert.equal(await inside(target, 'ls -A; stat -c %u:%g .'), '10001:10001\n');
    });

    test('a tar from another program can be imported', async () => {
      const pack = tarStream.pack();
      pack.entry({ name: 'folder/', type: 'directory', mode: 0o750, uid: 10001, gid: 10001 });
      pack.entry({ name: 'folder/file', mode: 0o640, uid: 10001, gid: 10001 }, 'text');
      pack.finalize();
      const target = await made();
      await imported(target, Readable.from(pack));
      assert.equal(await inside(target, 'cat folder/file; stat -c %a folder folder/file'), 'text750\n640\n');
    });

    test('a tar that was cut is an error, even when cut between two files', async () => {
      const pack = tarStream.pack();
      const owner = { uid: 10001, gid: 10001 };
      pack.entry({ name: 'first', ...owner }, Buffer.alloc(4096));
      pack.entry({ name: 'second', ...owner }, 'text');
      pack.finalize();
      const whole = await buffer(pack);
      for (const bytes of [0, 100, 512, 3000, 512 + 4096, whole.length - 1024, whole.length - 1]) {
        const target = await made();
        await assert.rejects(
          imported(target, whole.subarray(0, bytes)),
          { code: 'invalid_params', message: /cut short/ },
          `${bytes} bytes`,
        );
        assert.deepEqual(await copying(underTest(), target), []);
      }
    });

    test('a tar that breaks off, or that is damaged, is an error', async () => {
      const tar = await exported(await filled('yes | head -c 3000000 > file'));
      const target = await made();
      const broken = new PassThrough();
      broken.write(tar.subarray(0, 1_000_000));
      setImmediate(() => broken.destroy(new Error('the line went dead')));
      await assert.rejects(imported(target, broken), { code: 'invalid_params', message: /the line went dead/ });
      const damaged = Buffer.from(tar);
      damaged[3] = (damaged[3] ?? 0) ^ 1;
      await assert.rejects(imported(await made(), damaged), { code: 'invalid_params' });
    });

    test('a file of another owner is an error, and its owner is not changed', async () => {
      const pack = tarStream.pack();
      pack.entry({ name: 'theirs', uid: 10002, gid: 10002 }, 'text');
      pack.finalize();
      await assert.rejects(imported(await made(), Readable.from(pack)), { code: 'forbidden' });
    });

    test('a file that the user may not read is an error, and is not left out of the tar', async () => {
      const source = await filled('echo open > open; echo secret > secret; chmod 600 secret');
      const stream = underTest().engine.volumes.exportTar({ ...source, user: '10002:10002' }, deadline());
      await assert.rejects(buffer(stream), { code: 'forbidden', message: /secret/ });
      assert.deepEqual(await copying(underTest(), source), []);
    });

    test('a path that leads out of the volume is not followed', async () => {
      const pack = tarStream.pack();
      const owner = { uid: 10001, gid: 10001 };
      pack.entry({ name: 'out', type: 'symlink', linkname: '/tmp', ...owner });
      pack.entry({ name: 'out/file', ...owner }, 'text');
      pack.finalize();
      await assert.rejects(imported(await made(), Readable.from(pack)));
    });

    test('an aborted copy reports that it was cancelled, and leaves no container', async () => {
      const fixture = underTest();
      const source = await filled('yes | head -c 9000000 > file');
      const stop = new AbortController();
      const stream = fixture.engine.volumes.exportTar(source, stop.signal);
      stream.once('data', () => stop.abort());
      await assert.rejects(buffer(stream), { code: 'cancelled' });
      const never = fixture.engine.volumes.exportTar(source, AbortSignal.abort());
      await assert.rejects(buffer(never), { code: 'cancelled' });
      const left = fixture.engine.volumes.exportTar(source, deadline());
      await new Promise((resolve) => left.once('readable', resolve));
      left.destroy();
      await eventually('no container is left', async () => (await copying(fixture, source)).length === 0);
      const target = await made();
      const endless = new PassThrough();
      endless.write(Buffer.alloc(100));
      const importing = fixture.engine.volumes.importTar(target, endless, AbortSignal.abort());
      await assert.rejects(importing, { code: 'cancelled' });
      const halfWay = new AbortController();
      const stalled = new PassThrough();
      stalled.write((await exported(source)).subarray(0, 10_000));
      const waiting = fixture.engine.volumes.importTar(target, stalled, halfWay.signal);
      await eventually('its container is there', async () => (await copying(fixture, target)).length === 1);
      halfWay.abort();
      await assert.rejects(waiting, { code: 'cancelled' });
      assert.deepEqual(await copying(fixture, target), []);
    });

    test('when the copying container is killed, both sides fail', async () => {
      const fixture = underTest();
      const source = await filled('yes | head -c 9000000 > file');
      const stream = fixture.engine.volumes.exportTar(source, deadline());
      await new Promise((resolve) => stream.once('readable', resolve));
      const exporting = await copying(fixture, source);
      const killed = Promise.all(exporting.map(({ id }) => fixture.engine.containers.kill(id, 'SIGKILL')));
      // The output is read slowly, so that the container is still running when it is killed.
      const read = async () => {
        for await (const _chunk of stream) await Promise.race([killed, new Promise((done) => setTimeout(done, 10))]);
      };
      await assert.rejects(read(), { code: 'internal', message: /exit code 137/ });
      await killed;
      const target = await made();
      const tar = new PassThrough();
      const importing = fixture.engine.volumes.importTar(target, tar, deadline());
      const refused = assert.rejects(importing, { code: 'internal', message: /exit code 137/ });
      tar.write((await exported(source)).subarray(0, 10_000));
      await eventually('its container runs', async () =>
        (await copying(fixture, target)).some(({ status }) => status === 'running'),
      );
      for (const { id } of await copying(fixture, target)) await fixture.engine.containers.kill(id, 'SIGKILL');
      await refused;
    });

    test('a missing volume is “not found”', async () => {
      const nowhere = { ...(await made()), volume: 'paas-test-no-such-volume' };
      await assert.rejects(exported(nowhere), { code: 'not_found' });
      await assert.rejects(imported(nowhere, Buffer.alloc(1024)), { code: 'not_found' });
    });
  });
}
