import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import tar from 'tar-stream';
import { scaled } from '../support/deadline.ts';
import { EngineFixture } from '../support/engine-fixture.ts';
import { eventually } from '../support/eventually.ts';

const rounds = 40;

test('hundreds of aborted streams leave no open socket', { timeout: scaled(120_000) }, async () => {
  await using fixture = await EngineFixture.create();
  const { containers, images } = fixture.engine;
  const id = await containers.create(fixture.spec('while :; do echo tick; sleep 0.01; done', { openStdin: true }));
  await containers.start(id);

  /** Opens one stream of each kind and aborts all of them after a while, at any point of their lives. */
  async function round(index: number): Promise<void> {
    const stop = new AbortController();
    const opened = [
      drain(containers.logs(id, { follow: true }, stop.signal)),
      drain(fixture.engine.events(fixture.labels, stop.signal)),
      containers.wait(id, stop.signal),
      containers.attach(id, stop.signal).then(async ({ stdin, stdout, stderr }) => {
        stdin.write('x');
        stderr.resume();
        await drain(stdout);
      }),
      ...(index % 10 === 0 ? [images.buildDockerfile(build(index), stop.signal)] : []),
    ];
    setTimeout(() => stop.abort(), index % 7 === 0 ? 0 : (index * 13) % 120);
    for (const result of await Promise.allSettled(opened)) {
      if (result.status === 'rejected') assert.equal(result.reason.code, 'cancelled', String(result.reason));
    }
  }

  function build(index: number) {
    const context = tar.pack();
    const dockerfile = `FROM paas-test/${fixture.runId}:base\nRUN echo ${fixture.runId} ${index}; sleep 30\n`;
    context.entry({ name: 'Dockerfile' }, dockerfile);
    context.finalize();
    const output = { step: () => {}, detail: () => {}, warn: () => {} };
    const tag = `paas-test/${fixture.runId}:soak-${index}`;
    const limits = { memoryBytes: 256 * 1024 * 1024, cpuShares: 256 };
    const from = { context: context.pipe(new PassThrough()), dockerfile: 'Dockerfile', buildArgs: {} };
    return { ...from, ...limits, tag, labels: fixture.labels, output };
  }

  const before = await openDescriptors();
  for (let done = 0; done < rounds; done += 8) {
    await Promise.all(Array.from({ length: 8 }, (_, index) => round(done + index)));
  }
  await eventually('as few sockets are open as before', async () => (await openDescriptors()) <= before + 2);
  await containers.remove(id);
});

async function drain(values: AsyncIterable<unknown>): Promise<void> {
  for await (const _value of values) {
    // Only read.
  }
}

/** The descriptors of this process. The engine's end of a socket is closed with ours. */
async function openDescriptors(): Promise<number> {
  return (await readdir('/proc/self/fd')).length;
}
