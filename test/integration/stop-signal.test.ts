import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Artifact } from '../../src/domain/build.ts';
import { BuilderFixture } from '../support/builder-fixture.ts';
import { scaled } from '../support/deadline.ts';
import { eventually } from '../support/eventually.ts';
import { GitSource, type SourceFiles } from '../support/git-source.ts';

let fixture: BuilderFixture;
before(async () => {
  fixture = await BuilderFixture.open();
});
after(() => fixture[Symbol.asyncDispose]());

async function build(files: SourceFiles): Promise<Artifact> {
  await using source = await GitSource.create();
  return (await fixture.build(await fixture.newApp(), await source.commit(files))).artifact;
}

interface Ended {
  readonly said: string;
  readonly exitCode: number;
}

/** Starts the image's program behind its init, stops it when it has said `ready`, and waits for its end. */
async function stopped(
  { imageId, init, user }: Artifact,
  argv: readonly string[],
  { signal = 'SIGTERM', number = 15, graceMs = 20_000, ready = 'up' } = {},
): Promise<Ended> {
  assert.ok(init);
  const { containers } = fixture.engine;
  const deadline = AbortSignal.timeout(scaled(120_000));
  const id = await fixture.start(imageId, [init, `${number}:60`, ...argv], { user, stopSignal: signal });
  const { stdout, stderr } = await containers.attach(id, deadline);
  let said = '';
  for (const output of [stdout, stderr]) output.on('data', (chunk) => (said += chunk));
  await containers.start(id);
  await eventually(`${argv.at(-1)} is ready`, () => said.includes(ready));
  await containers.stop(id, graceMs);
  const { exitCode } = await containers.wait(id, deadline);
  await eventually('the output has ended', () => stdout.readableEnded);
  return { said, exitCode };
}

const app = `process.on('SIGTERM', () => setTimeout(() => { console.log('cleaned up'); process.exit(0); }, 2000));
console.log('up');
setInterval(() => {}, 1000);
`;
const supervisor = `import subprocess, time
subprocess.Popen(["node", "app.js"], start_new_session=True)
time.sleep(600)
`;
const parents: Readonly<Record<string, string>> = {
  direct: 'node app.js',
  web: 'npm start',
  worker: 'npm run work',
  shell: 'sh -c "node app.js; true"',
  wrapper: './wrapper.sh',
  env: 'FOO=1 node app.js 2>&1',
  background: 'node app.js & wait',
  supervisor: 'python3 supervisor.py',
  nohup: 'nohup node app.js & sleep 600',
  daemon: 'setsid -f node app.js; sleep 600',
  orphan: '(node app.js &); sleep 600',
};

describe('the stop signal reaches the app, which may finish,', () => {
  test('behind any parent, in an image of buildpacks', async () => {
    const artifact = await build({
      'package.json': JSON.stringify({
        name: 'sample',
        engines: { node: '24.x' },
        scripts: { start: 'node app.js', work: 'echo begin && node app.js' },
      }),
      'app.js': app,
      'supervisor.py': supervisor,
      'wrapper.sh': { text: '#!/bin/bash\nnode app.js\necho after\n', mode: 0o755 },
      Procfile: Object.entries(parents)
        .map(([type, command]) => `${type}: ${command}\n`)
        .join(''),
    });
    const ended = await Promise.all(
      Object.keys(parents).map(async (type) => ({
        type,
        ...(await stopped(artifact, [artifact.launcher ?? '', type])),
      })),
    );
    for (const { type, said, exitCode } of ended) {
      assert.match(said, /cleaned up\n/, type);
      assert.notEqual(exitCode, 137, `${type} ended by itself`);
    }
    assert.equal(ended.find(({ type }) => type === 'direct')?.exitCode, 0);
    const oneOff = await stopped(artifact, [artifact.launcher ?? '', '--', 'bash', '-c', 'node app.js; true']);
    assert.match(oneOff.said, /cleaned up\n/);
  });

  test('in an image without a shell, with the signal that the Dockerfile sets', async () => {
    const program = `#include <signal.h>
#include <unistd.h>
static volatile int got;
static void on(int s) { got = s; }
int main(void) {
  signal(SIGRTMIN + 3, on);
  if (fork() == 0) {
    setsid();
    if (fork() != 0) _exit(0);
    write(1, "up\\n", 3);
    while (!got) usleep(10000);
    sleep(1);
    write(1, "cleaned up\\n", 11);
    _exit(0);
  }
  while (!got) usleep(10000);
  return 5;
}
`;
    const artifact = await build({
      'p.c': program,
      Dockerfile: [
        'FROM paas/build AS build',
        'COPY p.c /tmp/p.c',
        'RUN gcc -static -o /tmp/p /tmp/p.c',
        'FROM scratch',
        'COPY --from=build /tmp/p /p',
        'USER 1234:1234',
        'STOPSIGNAL SIGRTMIN+3',
        'EXPOSE 9000-9002 7000 53/udp',
        'ENTRYPOINT ["/p"]',
      ].join('\n'),
    });
    assert.equal(artifact.processes[0]?.stopSignal, 'SIGRTMIN+3');
    assert.deepEqual(artifact.exposedPorts, [7000, 9000, 9001, 9002]);
    const { said, exitCode } = await stopped(artifact, artifact.processes[0]?.args ?? [], {
      signal: 'SIGRTMIN+3',
      number: 37,
    });
    assert.deepEqual([said, exitCode], ['up\ncleaned up\n', 5]);
  });
});

describe('the init of an instance', () => {
  let image: Artifact;
  before(async () => {
    image = await build({ Procfile: 'web: true\n' });
  });
  const run = (...argv: string[]) => runFor(60, ...argv);
  const runFor = (seconds: number, ...argv: string[]) =>
    fixture.run(image.imageId, [image.init ?? '', `15:${seconds}`, ...argv]);

  test('ends as its program does, at once, and leaves nothing running', async () => {
    assert.equal((await run('sh', '-c', 'sleep 600 & exit 3')).exitCode, 3);
    assert.equal((await run('sh', '-c', 'kill -9 $$')).exitCode, 137);
    assert.equal((await run('sh', '-c', 'kill -TERM $$')).exitCode, 143);
    const missing = await run('nothing-of-this-name');
    assert.deepEqual([missing.exitCode, missing.stderr], [127, 'nothing-of-this-name: not found\n']);
    assert.equal((await run('/etc/passwd')).exitCode, 126);
    assert.equal((await run('bash', '-c', 'kill -TSTP $$; exit 4')).exitCode, 4, 'no shell is there to resume it');
    assert.equal((await run('env', 'printf', 'a b')).stdout, 'a b');
  });

  test('ends with its program also when the program itself sent the stop signal to every process or to process 1', async () => {
    const left = `trap '' TERM; sleep 600 & kill -TERM`;
    assert.equal((await run('bash', '-c', `${left} -1; sleep 0.5; exit 3`)).exitCode, 3);
    assert.equal((await runFor(1, 'bash', '-c', `${left} 1; sleep 0.5; exit 3`)).exitCode, 3);
    assert.equal((await run('bash', '-c', 'kill -TERM $PPID; sleep 600')).exitCode, 143);
  });

  test('lets a stopped process go on, so that it can end in order', async () => {
    const script = `trap 'echo cleaned up; exit 0' TERM; echo up; kill -STOP $$`;
    const { exitCode, said } = await stopped(image, ['bash', '-c', script]);
    assert.deepEqual([exitCode, said], [0, 'up\ncleaned up\n']);
  });

  test('is killed with all processes when one of them ignores the signal', async () => {
    const { exitCode, said } = await stopped(image, ['bash', '-c', `(trap '' TERM; echo up; sleep 600) & wait`], {
      graceMs: 1500,
    });
    assert.deepEqual([exitCode, said], [137, 'up\n']);
  });

  test('passes the signal on once, to every process', async () => {
    const count = `trap 'echo got' TERM; echo up; for i in 1 2 3 4 5 6 7 8 9 10; do sleep 0.1; done`;
    const { said } = await stopped(image, ['bash', '-c', `(${count}) & ${count}; wait`]);
    assert.equal(said.split('got').length - 1, 2);
  });
});
