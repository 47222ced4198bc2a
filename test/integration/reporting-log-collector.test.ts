import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { ContainerSpec } from '../../src/domain/containers.ts';
import type { Engine } from '../../src/domain/engine.ts';
import { labelNames } from '../../src/domain/labels.ts';
import { createDockerEngine } from '../../src/engine/docker-engine.ts';
import { type AppLogOptions, createAppLog } from '../../src/reporting/app-log.ts';
import { createLogCollector } from '../../src/reporting/log-collector.ts';
import { silentLogger } from '../../src/system/logger.ts';
import { EventLoopBlocking } from '../support/cpu-time.ts';
import { scaled } from '../support/deadline.ts';
import { EngineFixture, testDockerHost } from '../support/engine-fixture.ts';
import { enginesOf } from '../support/engines.ts';
import { eventually } from '../support/eventually.ts';

const root = mkdtempSync(join(tmpdir(), 'paas-log-collector-'));
let fixture: EngineFixture;
const closing: (() => Promise<void>)[] = [];

before(async () => {
  fixture = await EngineFixture.create();
});
after(async () => {
  await Promise.all(closing.map((close) => close()));
  await fixture[Symbol.asyncDispose]();
  rmSync(root, { recursive: true });
});

const newDir = () => join(root, randomUUID());

/** Starts an instance of a new app that runs a script. */
async function startInstance(script: string, changes: Partial<ContainerSpec> = {}) {
  const appId = randomUUID();
  const containerId = await fixture.engine.containers.create(
    fixture.spec(script, {
      labels: {
        ...fixture.labels,
        [labelNames.app]: appId,
        [labelNames.role]: 'instance',
        [labelNames.instance]: randomUUID(),
        [labelNames.release]: 'v7',
        [labelNames.process]: 'web.1',
      },
      ...changes,
    }),
  );
  await fixture.engine.containers.start(containerId);
  return { hostId: 'local', appId, containerId, type: 'web', slot: 1 };
}

/** The part of a platform's run that handles the output of instances. */
function startRun(dir: string, engine: Engine = fixture.engine, options: Partial<AppLogOptions> = {}) {
  const appLog = createAppLog({ dir, bytesPerApp: 32 * 1024 * 1024, ...options });
  const collector = createLogCollector({
    engines: enginesOf(engine),
    appLog,
    platformId: fixture.runId,
    logger: silentLogger,
  });
  const close = async () => {
    await collector.close();
    await appLog.close();
  };
  closing.push(close);
  return {
    appLog,
    collector,
    texts: async (appId: string) =>
      (await appLog.read(appId, { lines: 100_000, source: 'app' })).map(({ text }) => text),
    close,
  };
}

const numbers = (count: number) => Array.from({ length: count }, (_, i) => String(i + 1));
/** Prints numbers in parts, with pauses between them. */
const counting = (count: number) =>
  `i=0; while [ $i -lt ${count} ]; do i=$((i+1)); echo $i; [ $((i%50)) = 0 ] && sleep 0.1; done`;

test('all lines of an instance are in the log before the line of its end', async () => {
  const run = startRun(newDir());
  const instance = await startInstance('echo one; echo two >&2; printf %040000d 0; printf "\\nlast words"; exit 3');
  run.collector.watch(instance, instance.containerId, 7);
  run.collector.watch(instance, instance.containerId, 7);
  await fixture.engine.containers.wait(instance.containerId, AbortSignal.timeout(scaled(20_000)));
  await run.collector.finished(instance);
  const lines = await run.appLog.read(instance.appId, { lines: 100, process: 'web.1' });
  assert.deepEqual(
    lines.map(({ text }) => text.length).toSorted((a, b) => a - b),
    [3, 3, 10, 10_000, 10_000, 10_000, 10_000],
  );
  // Lines have no order between two pipes, only within one.
  assert.equal(lines.filter(({ text }) => text !== 'two').at(-1)?.text, 'last words');
  assert.ok(lines.every(({ source, release }) => source === 'app' && release === 7));
  await run.close();
});

describe('what a process writes last, without a newline,', () => {
  const endings: Readonly<Record<string, readonly [script: string, lines: readonly string[]]>> = {
    'and ends at once': ['printf "FATAL: why"', ['FATAL: why']],
    'to stderr, and fails': ['echo one; sleep 0.4; printf "FATAL: why" >&2; exit 1', ['one', 'FATAL: why']],
    'to both outputs': ['sleep 0.4; printf out; printf err >&2', ['out', 'err']],
    'some time before it ends': ['sleep 0.2; printf "Password: "; sleep 0.4; exit 3', ['Password: ']],
    'in two writes': ['sleep 0.3; printf "FATAL: "; sleep 0.2; printf why; exit 1', ['FATAL: why']],
    'before a signal kills it': ['sleep 0.4; printf "FATAL: why"; kill -9 $$', ['FATAL: why']],
    'in more bytes than the engine stores together': [
      'sleep 0.4; perl -e \'print "a" x 18000\'',
      ['a'.repeat(10_000), 'a'.repeat(8000)],
    ],
    'in as many bytes as the engine stores together': [
      'sleep 0.4; perl -e \'print "a" x 32768\'',
      [10_000, 10_000, 10_000, 2768].map((bytes) => 'a'.repeat(bytes)),
    ],
    'in the middle of a character': ['sleep 0.4; printf "caf\\303"; exit 1', ['caf\ufffd']],
    'with a carriage return': ['sleep 0.4; printf "99 %%\\r"', ['99 %']],
    'at a terminal': ['echo one; sleep 0.4; printf "FATAL: why"', ['one', 'FATAL: why']],
  };

  test('is in the log once, however it ends, also after a restart of the platform', async () => {
    const dir = newDir();
    const run = startRun(dir);
    const texts = async ({ texts }: typeof run, { appId }: { readonly appId: string }) =>
      (await texts(appId)).toSorted();
    const started = await Promise.all(
      Object.entries(endings).flatMap(([ending, [script, lines]]) =>
        numbers(3).map(async () => {
          const instance = await startInstance(script, { tty: ending === 'at a terminal' });
          run.collector.watch(instance, instance.containerId, 7);
          return { ending, instance, lines: lines.toSorted() };
        }),
      ),
    );
    const found = await Promise.all(
      started.map(async ({ ending, instance }) => {
        await fixture.engine.containers.wait(instance.containerId, AbortSignal.timeout(scaled(60_000)));
        await run.collector.finished(instance);
        return { ending, lines: await texts(run, instance) };
      }),
    );
    assert.deepEqual(
      found,
      started.map(({ ending, lines }) => ({ ending, lines })),
    );
    await run.close();
    const next = startRun(dir);
    for (const { instance, lines, ending } of started) {
      await next.collector.finished(instance);
      assert.deepEqual(await texts(next, instance), lines, ending);
    }
    await next.close();
  });
});

test('nothing waits for an instance whose output was never read', async () => {
  const run = startRun(newDir());
  await run.collector.finished({ hostId: 'local', containerId: '0123456789abcdef' });
  await run.close();
});

test('every line is in the log once, even over restarts of the platform', async () => {
  const dir = newDir();
  const instance = await startInstance(counting(1000));
  const first = startRun(dir);
  first.collector.watch(instance, instance.containerId, 7);
  await eventually('it counts', async () => (await first.texts(instance.appId)).length > 100);
  await first.close();
  for (let i = 0; i < 3; i++) {
    const run = startRun(dir);
    const before = (await run.texts(instance.appId)).length;
    await eventually('it goes on', async () => (await run.texts(instance.appId)).length > Math.min(999, before + 20));
    await run.close();
  }
  await fixture.engine.containers.wait(instance.containerId, AbortSignal.timeout(scaled(20_000)));
  const last = startRun(dir);
  await last.collector.finished(instance);
  assert.deepEqual(await last.texts(instance.appId), numbers(1000));
  const [line] = await last.appLog.read(instance.appId, { lines: 1 });
  assert.deepEqual([line?.process, line?.release], ['web.1', 7]);
  await last.close();
});

test('after a kill at any moment the platform completes the log from the disk', async () => {
  const dir = newDir();
  mkdirSync(dir);
  const instance = await startInstance(counting(600));
  const run = startRun(dir);
  run.collector.watch(instance, instance.containerId, 7);
  const found: string[] = [];
  for (const enough of [1, 200, 400]) {
    await eventually('it counts', async () => (await run.texts(instance.appId)).length >= enough);
    // The content of the disk without the lines in memory, as after a kill.
    const left = newDir();
    cpSync(dir, left, { recursive: true });
    found.push(left);
  }
  await fixture.engine.containers.wait(instance.containerId, AbortSignal.timeout(scaled(20_000)));
  await run.close();
  for (const left of found) {
    const next = startRun(left);
    await next.collector.finished(instance);
    assert.deepEqual(await next.texts(instance.appId), numbers(600));
    await next.close();
  }
});

test('an engine that cuts the connection again and again loses no line and repeats none', async () => {
  const sockets = new Set<Socket>();
  const path = join(root, 'engine.sock');
  const server = createServer((inside) => {
    const outside = connect(testDockerHost().replace(/^unix:\/\//, ''));
    for (const socket of [inside, outside]) {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => sockets.delete(socket));
    }
    inside.pipe(outside).pipe(inside);
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  closing.push(async () => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  const engine = createDockerEngine({ dockerHost: `unix://${path}`, cacheDir: newDir() });
  const run = startRun(newDir(), engine);
  const instance = await startInstance(counting(800));
  run.collector.watch(instance, instance.containerId, 7);
  for (const enough of [50, 250, 500]) {
    await eventually('it counts', async () => (await run.texts(instance.appId)).length >= enough);
    for (const socket of sockets) socket.destroy();
  }
  await eventually('it is all there', async () => (await run.texts(instance.appId)).length >= 800);
  await fixture.engine.containers.wait(instance.containerId, AbortSignal.timeout(scaled(20_000)));
  await run.collector.finished(instance);
  assert.deepEqual(await run.texts(instance.appId), numbers(800));
  await run.close();
});

test('an app that floods its log slows neither the platform nor the logs of other apps', async () => {
  const run = startRun(newDir(), fixture.engine, {
    bytesPerApp: 1024 * 1024,
    floodLimits: { linesPerSecond: 1000, bytesPerSecond: 128 * 1024, burstSeconds: 2 },
  });
  const blocking = new EventLoopBlocking();
  const flood = await startInstance('yes "a line of the flood that goes on and on and on and on" | head -n 400000');
  const calm = await startInstance(counting(300));
  run.collector.watch(flood, flood.containerId, 1);
  run.collector.watch(calm, calm.containerId, 1);
  await fixture.engine.containers.wait(calm.containerId, AbortSignal.timeout(scaled(30_000)));
  await run.collector.finished(calm);
  const longestMs = blocking.stop();
  assert.deepEqual(await run.texts(calm.appId), numbers(300));
  assert.ok(longestMs < 100, `the platform stood still for ${longestMs} ms`);
  const told = await eventually('the loss is reported', async () => {
    const lines = await run.appLog.read(flood.appId, { lines: 10, source: 'platform' });
    return lines.find(({ text }) => text.includes('dropped'));
  });
  assert.match(told.text, /^\d+ lines of web\.1 dropped here: more than 1000 lines or 128 KiB a second\.$/);
  await fixture.engine.containers.kill(flood.containerId, 'SIGKILL');
  await run.close();
});

test('lines after a flood that the engine rotated away are still read', async () => {
  const run = startRun(newDir(), fixture.engine, { bytesPerApp: 1024 * 1024 });
  // Long lines are read quickly. The total is several times what the engine keeps of a log.
  const line = 'yes $(printf %0900d 0)';
  const instance = await startInstance(
    `${line} | head -n 60000; echo after; sleep 1; while :; do echo still; sleep 1; done`,
  );
  run.collector.watch(instance, instance.containerId, 7);
  const heard = async () => (await run.texts(instance.appId)).at(-1) === 'still';
  await eventually('it is heard', heard, { deadlineMs: 120_000, everyMs: 250 });
  await fixture.engine.containers.kill(instance.containerId, 'SIGKILL');
  await run.close();
});

test('a log that cannot be read at the start of the platform is read later, and nothing is lost', async () => {
  const dir = newDir();
  const first = startRun(dir);
  const instance = await startInstance('trap "echo two" HUP; echo one; while :; do sleep 0.1; done');
  first.collector.watch(instance, instance.containerId, 7);
  await eventually('one is there', async () => (await first.texts(instance.appId)).length === 1);
  await first.close();

  const appLog = createAppLog({ dir, bytesPerApp: 1024 * 1024 });
  let failures = 2;
  const unreadable = new Proxy(appLog, {
    get(log, name: keyof typeof appLog) {
      if (name === 'lastLinesOf' && failures-- > 0) return () => Promise.reject(new Error('EIO: i/o error, read'));
      const value = log[name];
      return typeof value === 'function' ? value.bind(log) : value;
    },
  });
  const { engine, runId } = fixture;
  const collector = createLogCollector({
    engines: enginesOf(engine),
    appLog: unreadable,
    platformId: runId,
    logger: silentLogger,
  });
  closing.push(async () => {
    await collector.close();
    await appLog.close();
  });
  const texts = async () => (await appLog.read(instance.appId, { lines: 10 })).map(({ text }) => text);
  await eventually('it was asked again', () => failures < 0);
  await engine.containers.kill(instance.containerId, 'SIGHUP');
  await eventually('two follows one', async () => (await texts()).join() === 'one,two');
});

test('the last lines are in the log even when the engine never ends the stream', async () => {
  const { engine } = fixture;
  const containers: typeof engine.containers = {
    ...engine.containers,
    async *logs(id, options, signal) {
      if (!options.follow) yield* engine.containers.logs(id, options, signal);
      else await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
    },
  };
  const run = startRun(newDir(), { ...engine, containers });
  const instance = await startInstance('echo one; echo last words; exit 3');
  run.collector.watch(instance, instance.containerId, 7);
  await fixture.engine.containers.wait(instance.containerId, AbortSignal.timeout(scaled(20_000)));
  await run.collector.finished(instance);
  assert.deepEqual(await run.texts(instance.appId), ['one', 'last words']);
});
