import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { JailLimits } from '../../src/builder/jail/limits.ts';
import type { App } from '../../src/domain/app.ts';
import { isRoot } from '../../src/system/privileges.ts';
import { BuilderFixture, inlineBuildpack } from '../support/builder-fixture.ts';
import { scaled } from '../support/deadline.ts';
import { GitSource } from '../support/git-source.ts';
import { RecordedOutput } from '../support/recorded-output.ts';

const megabyte = 1024 * 1024;

/** These sleep for ten minutes, so a build that is not stopped is noticed. */
const hangs = { timeout: scaled(60_000) };

/** Only root can count on the host what a container has on disk. */
const asRoot = { ...hangs, skip: isRoot() ? false : 'needs root, as the count itself' };

let fixture: BuilderFixture;
before(async () => {
  fixture = await BuilderFixture.open({ buildpacksDir: inlineBuildpack });
});
after(() => fixture[Symbol.asyncDispose]());

interface Outcome {
  readonly app: App;
  readonly error: { readonly code: string; readonly message: string } | null;
  readonly output: RecordedOutput;
}

/** The result of a build with this script. In any case no container of it may be left. */
async function build(script: string, limits: Partial<JailLimits> = {}, signal?: AbortSignal): Promise<Outcome> {
  await using source = await GitSource.create();
  const output = new RecordedOutput();
  const tree = await source.commit({ 'build.sh': script, Procfile: 'web: true\n' });
  const app = await fixture.newApp();
  const error = await fixture
    .build(app, tree, { output, builder: fixture.newBuilder(limits), ...(signal ? { signal } : {}) })
    .then(
      () => null,
      (thrown: Outcome['error']) => thrown,
    );
  assert.equal(await fixture.containersOfBuilds(), 0, 'a container is left');
  const [recorded] = await fixture.store.builds.list(app.id);
  assert.equal(recorded?.state, error === null ? 'succeeded' : error.code === 'cancelled' ? 'cancelled' : 'failed');
  return { app, error, output };
}

describe('a hostile build', () => {
  test('that forks without end is ended, and the reason is shown', hangs, async () => {
    const { error } = await build('f() { f | f & }; f; sleep 600', {
      pids: 64,
      silenceMs: 4000,
      wallMs: 20_000,
    });
    assert.match(error?.message ?? '', /64 processes is the limit|took longer than/);
  });

  test('that uses all memory is ended, and the reason is shown', async () => {
    const script = 'python3 -c "x = bytearray(1 << 30)"';
    const { error } = await build(script, { memoryBytes: 128 * megabyte });
    assert.equal(error?.code, 'build_failed');
    assert.match(error?.message ?? '', /out of memory/);
  });

  test('that fills the disk is ended, and the numbers are shown', hangs, async () => {
    const script = 'for n in $(seq 100); do head -c 20M /dev/zero > /app/fill.$n; sleep 0.1; done; sleep 600';
    const { error } = await build(script, { diskBytes: 100 * megabyte, wallMs: scaled(60_000) });
    assert.match(error?.message ?? '', /MB of disk, and 100 MB is the limit/);
  });

  /** Stops the agent's watcher, and reports in its place that the disk is empty. */
  const forge = [
    'for process in /proc/[0-9]*; do pid=${process#/proc/}',
    '  [[ $pid == 1 || $pid == $$ || $pid == $PPID ]] || kill -STOP $pid; done 2>/dev/null',
    '(while :; do for fd in /proc/[0-9]*/fd/3; do echo disk 1 1 >$fd; echo alive >$fd; done; sleep 0.5; done) 2>/dev/null &',
  ].join('\n');
  const fills: Readonly<Record<string, string>> = {
    'in its own folder': 'for n in $(seq 30); do head -c 20M /dev/zero > /app/fill.$n; sleep 0.1; done',
    'in the cache': 'for n in $(seq 30); do head -c 20M /dev/zero > $CNB_LAYERS_DIR/fill.$n; sleep 0.1; done',
    'in an open file without a name':
      'exec 9>/tmp/open; rm /tmp/open; for n in $(seq 30); do head -c 20M /dev/zero >&9; sleep 0.1; done',
    'in a folder that its own user cannot read':
      'mkdir /var/tmp/x; cd /var/tmp/x; for n in $(seq 30); do head -c 20M /dev/zero > $n; done; chmod 0 /var/tmp/x',
  };
  for (const [where, fill] of Object.entries(fills)) {
    test(`that stops its watcher, forges its reports and fills the disk ${where} is ended`, asRoot, async () => {
      const limits = { diskBytes: 200 * megabyte, wallMs: scaled(30_000) };
      const { error } = await build(`${forge}\n${fill}\nsleep 600`, limits);
      assert.match(error?.message ?? '', /MB of disk, and 200 MB is the limit/);
    });
  }

  test('that creates files without end is ended, and the numbers are shown', async () => {
    const script = 'mkdir d; cd d; for n in $(seq 60); do touch {1..1000}.$n; sleep 0.1; done; sleep 600';
    const { error } = await build(script, { files: 20_000, wallMs: scaled(60_000) });
    assert.match(error?.message ?? '', /files, and 20000 is the limit/);
  });

  test('that prints without end floods neither the pusher nor the platform', async () => {
    const { error, output } = await build('yes "more and more and more"', { outputBytes: 100_000, wallMs: 4000 });
    assert.equal(error?.code, 'timeout');
    assert.match(error?.message ?? '', /longer than 4 s/);
    assert.ok(output.text.length < 300_000, `${output.text.length} characters`);
    assert.match(output.text, /is not shown, except its last/);
  });

  test('that waits for input is ended when it has printed nothing for too long', hangs, async () => {
    const { error } = await build('read -r answer; sleep 600', { idleMs: 2000 });
    assert.equal(error?.code, 'timeout');
    assert.match(error?.message ?? '', /wrote nothing for 2 s/);
  });

  test('that ignores signals ends when the pusher goes away', hangs, async () => {
    const gone = new AbortController();
    const script = "trap '' TERM INT HUP; echo begun; while :; do sleep 1; done";
    const timer = setTimeout(() => gone.abort(), 2500);
    const { error } = await build(script, {}, gone.signal);
    clearTimeout(timer);
    assert.equal(error?.code, 'cancelled');
  });

  test('that kills its watcher fails, and nothing else does', async () => {
    const { error } = await build('kill -KILL -1; kill -KILL $PPID; sleep 5');
    assert.equal(error?.code, 'build_failed');
    assert.match(error?.message ?? '', /killed all processes of its container/);
  });

  test("that kills what its watcher waits for sees no message of the watcher's shell", hangs, async () => {
    const script = `until [[ $killed ]]; do for process in /proc/[0-9]*; do
      [[ $(cat $process/comm 2>/dev/null) == sleep ]] && kill -KILL \${process#/proc/} && killed=yes; done; done; echo over`;
    const { error, output } = await build(script);
    assert.equal(error, null);
    assert.match(output.text, /over/);
    assert.doesNotMatch(output.text, /line \d+:|Killed/);
  });

  test("that writes into its watcher's channel gains nothing", async () => {
    const script = [
      'echo disk 999999 1 | tee /proc/[0-9]*/fd/1 /proc/[0-9]*/fd/3 >/dev/null 2>&1',
      'for fd in /proc/[0-9]*/fd/3; do printf "exit 0 0\\ndata Li4v\\n" >$fd; done 2>/dev/null',
      'exit 7',
    ].join('\n');
    const { error } = await build(script);
    assert.equal(error?.code, 'build_failed');
  });

  test('leaves no process behind, even if it succeeds', hangs, async () => {
    const { error } = await build('setsid sleep 600 & disown; (sleep 600; touch /app/late) & exit 0');
    assert.equal(error, null);
  });

  test('cannot put special files into an image', async () => {
    assert.match((await build('mkfifo pipe; touch ".wh.x"')).error?.message ?? '', /\.wh\.x/);
  });

  test('sees no engine, no platform and no capability', async () => {
    const script = [
      'echo "$(id -u) $(whoami) $HOME"',
      'grep -E "^Cap(Eff|Prm|Bnd):" /proc/self/status',
      'grep -E "^(NoNewPrivs|Seccomp):" /proc/self/status',
      'ls /var/run/docker.sock /run/docker.sock 2>&1',
      'env',
    ].join('\n');
    const { app, output, error } = await build(script);
    assert.equal(error, null);
    assert.match(output.text, new RegExp(`^ {7}${app.uid + 1} app /`, 'm'));
    assert.match(output.text, /CapEff:\t0+$/m);
    assert.match(output.text, /CapBnd:\t0+$/m);
    assert.match(output.text, /NoNewPrivs:\t1/);
    assert.match(output.text, /Seccomp:\t2/);
    assert.doesNotMatch(output.text, /^ {7}\/(var\/)?run\/docker.sock/m);
    assert.doesNotMatch(output.text, /PAAS_|DOCKER_/);
  });
});

test('what a build writes last without a newline is shown before the next step, and is the reason when it fails', async () => {
  const { output } = await build('printf "nearly there"');
  const shown = output.lines.indexOf('       nearly there');
  assert.ok(shown !== -1 && shown < output.lines.indexOf('-----> Discovering process types'), output.text);
  const { error } = await build('echo work; printf " !     no compiler"; exit 1');
  assert.match(error?.message ?? '', /no compiler/);
});

test('file names that look like options or commands are plain files for a build', async () => {
  await using source = await GitSource.create();
  const tree = await source.commit({
    Procfile: 'web: true\n',
    'build.sh': 'cat -- "$(printf "a\\nb")" "--checkpoint-action=exec=touch x" "\\$(id)"',
    'a\nb': 'line ends\n',
    '--checkpoint-action=exec=touch x': 'options\n',
    '$(id)': 'commands\n',
  });
  const { output } = await fixture.build(await fixture.newApp(), tree);
  assert.match(output.text, /line ends\n {7}options\n {7}commands/);
});
