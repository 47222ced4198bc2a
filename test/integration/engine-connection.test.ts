import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, test } from 'node:test';
import { connect } from '../../src/engine/connection.ts';
import { createDockerEngine } from '../../src/engine/docker-engine.ts';
import { eventually } from '../support/eventually.ts';
import { RecordingEngine } from '../support/recording-engine.ts';

const ping = { method: 'GET', path: '/_ping', what: 'answer a ping' } as const;

describe('the connection to the engine', () => {
  test('a missing engine is “unavailable”, with the next step', async () => {
    for (const dockerHost of ['unix:///nowhere/docker.sock', 'tcp://127.0.0.1:1']) {
      await assert.rejects(createDockerEngine({ dockerHost }).info(), {
        code: 'unavailable',
        retryable: true,
        hint: /paas doctor/,
      });
    }
  });

  test('an invalid address is refused at once', () => {
    for (const dockerHost of ['', 'unix://', '/var/run/docker.sock', 'ssh://host', 'tcp://']) {
      assert.throws(() => createDockerEngine({ dockerHost }), { code: 'invalid_params' }, dockerHost);
    }
  });

  test('an engine that does not answer is “unavailable” after the deadline', async () => {
    await using wire = await RecordingEngine.start(() => null);
    const connection = connect(wire.dockerHost);
    await assert.rejects(connection.request({ ...ping, deadlineMs: 50 }), {
      code: 'unavailable',
      message: /did not answer a ping within/,
    });
    const signal = new AbortController().signal;
    await assert.rejects(connection.stream({ ...ping, deadlineMs: 50, signal }), { code: 'unavailable' });
    await assert.rejects(connection.hijack({ ...ping, method: 'POST', deadlineMs: 50, signal }), {
      code: 'unavailable',
    });
  });

  test('a call costs no more when many others are running', async () => {
    await using wire = await RecordingEngine.start(({ path }) => (path === '/_ping' ? null : undefined));
    const connection = connect(wire.dockerHost);
    const over = new AbortController();
    const others = Array.from({ length: 200 }, () => connection.stream({ ...ping, signal: over.signal }));
    const settled = Promise.allSettled(others);
    await eventually('all are under way', () => wire.of('GET', '/_ping').length === 200);
    const before = process.cpuUsage();
    // Streams share a connection pool, so the next one would be affected.
    for (let count = 0; count < 10; count += 1) {
      const another = new AbortController();
      const stream = connection.stream({ ...ping, signal: another.signal });
      another.abort();
      await assert.rejects(stream, { code: 'cancelled' });
    }
    const { user, system } = process.cpuUsage(before);
    assert.ok(user + system < 500_000, `${user + system} µs of CPU for ten calls`);
    over.abort();
    await settled;
  });

  test('an aborted call reports "cancelled", before and during the engine\'s answer', async () => {
    await using wire = await RecordingEngine.start(() => null);
    const connection = connect(wire.dockerHost);
    await assert.rejects(connection.request({ ...ping, signal: AbortSignal.abort() }), { code: 'cancelled' });
    const patience = new AbortController();
    const waiting = connection.request({ ...ping, signal: patience.signal });
    setTimeout(() => patience.abort(), 20);
    await assert.rejects(waiting, { code: 'cancelled' });
  });

  test('the engine’s errors become errors of the platform, with its message', async () => {
    const statuses: readonly (readonly [number, string])[] = [
      [404, 'not_found'],
      [409, 'conflict'],
      [503, 'unavailable'],
      [500, 'internal'],
      [400, 'internal'],
    ];
    for (const [status, code] of statuses) {
      await using wire = await RecordingEngine.start(() => ({ status, body: { message: 'its own words' } }));
      await assert.rejects(connect(wire.dockerHost).request(ping), { code, message: /its own words/ });
    }
    await using wire = await RecordingEngine.start(() => ({
      status: 500,
      body: { message: 'write /var/lib/docker/x: no space left on device' },
    }));
    await assert.rejects(connect(wire.dockerHost).request(ping), { code: 'no_capacity', message: /disk is full/ });
  });

  test('"no space left" for something else than the disk is told as what it is, with the setting to raise', async () => {
    const start = 'OCI runtime create failed: container_linux.go: starting container process caused:';
    for (const [message, thing, hint] of [
      [`${start} open /dev/ptmx: no space left on device: unknown`, 'terminals', /kernel\.pty\.max/],
      ['inotify_add_watch /run/x: no space left on device', 'inotify instances or watches', /max_user_watches/],
      ['failed to create inotify fd: too many open files', 'inotify instances or watches', /max_user_instances/],
      [`${start} mkdir /sys/fs/cgroup/memory/docker/x: no space left on device`, 'control groups', /Remove containers/],
      [`${start} error mounting "proc" to rootfs: mount proc: no space left on device`, 'mounts', /fs\.mount-max/],
      [`${start} could not create session key: disk quota exceeded`, 'keys', /kernel\.keys/],
      ['accept4: too many open files in system', 'open files', /fs\.file-max/],
      ['adding interface veth12 to bridge br-1 failed: exchange full', 'ports of a network bridge', /1,023/],
      ['fork/exec /usr/bin/runc: resource temporarily unavailable', 'processes', /kernel\.pid_max/],
    ] as const) {
      await using wire = await RecordingEngine.start(() => ({ status: 500, body: { message } }));
      await assert.rejects(connect(wire.dockerHost).request(ping), {
        code: 'no_capacity',
        message: `The host has no ${thing} left: the engine could not ${ping.what}.`,
        hint,
      });
    }
  });

  test('when the engine stops, its event stream ends with "unavailable"', async () => {
    const wire = await RecordingEngine.start((call) =>
      call.path === '/events' ? { status: 200, body: '' } : undefined,
    );
    const events = createDockerEngine({ dockerHost: wire.dockerHost }).events({ a: 'b' }, new AbortController().signal);
    await assert.rejects(
      async () => {
        for await (const _event of events) assert.fail('there are no events');
      },
      { code: 'unavailable' },
    );
    await wire[Symbol.asyncDispose]();
  });

  test('DOCKER_HOST and similar variables in the environment change nothing', async () => {
    await using wire = await RecordingEngine.start();
    const engine = resolve(import.meta.dirname, '../../src/engine/docker-engine.ts');
    const program = `const { createDockerEngine } = await import(process.argv[1]);
      console.log((await createDockerEngine({ dockerHost: process.argv[2] }).info()).version)`;
    const child = spawn(process.execPath, ['--input-type=module', '--eval', program, engine, wire.dockerHost], {
      env: { DOCKER_HOST: 'tcp://127.0.0.1:1', DOCKER_TLS_VERIFY: '1', DOCKER_CLIENT_TIMEOUT: '1' },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [said] = await Promise.all([text(child.stdout), once(child, 'exit')]);
    assert.equal(said, 'Docker 20.10.24\n');
  });
});
