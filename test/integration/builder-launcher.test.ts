import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Artifact } from '../../src/domain/build.ts';
import { BuilderFixture, inlineBuildpack } from '../support/builder-fixture.ts';
import { GitSource } from '../support/git-source.ts';

let fixture: BuilderFixture;
before(async () => {
  fixture = await BuilderFixture.open({ buildpacksDir: inlineBuildpack });
});
after(() => fixture[Symbol.asyncDispose]());

async function build(script: string): Promise<Artifact> {
  await using source = await GitSource.create();
  const tree = await source.commit({ 'build.sh': `set -e\nlayers=$CNB_LAYERS_DIR\n${script}` });
  return (await fixture.build(await fixture.newApp(), tree)).artifact;
}

function start({ imageId, launcher }: Artifact, args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  return fixture.run(imageId, [launcher ?? '', ...args], { env });
}

const launchToml = (...lines: string[]) => `cat > $layers/launch.toml <<'TOML'\n${lines.join('\n')}\nTOML\n`;
const layer = (name: string, types = 'launch = true') =>
  `mkdir -p $layers/${name}; printf '[types]\\n${types}\\n' > $layers/${name}.toml\n`;

const show = [
  '[[processes]]',
  'type = "show"',
  'command = ["bash", "-c", "echo \\"$A|$B|$C|$D|$E\\"; echo $PATH; echo $LD_LIBRARY_PATH"]',
];

test('layers set the environment as specified, for all processes or for one type', async () => {
  const artifact = await build(
    [
      layer('one'),
      'mkdir -p $layers/one/{bin,lib,env,env.launch/show}',
      "printf 'verbatim\\n' > $layers/one/env/A",
      "printf default > $layers/one/env/B.default; printf ':' > $layers/one/env/C.delim; printf new > $layers/one/env/C.prepend",
      "printf 'it'\\''s $HOME' > $layers/one/env.launch/show/D",
      layer('two', 'build = true'),
      'mkdir -p $layers/two/bin',
      launchToml(...show),
    ].join('\n'),
  );
  const { stdout } = await start(artifact, ['show'], { B: 'set', C: 'old' });
  assert.equal(
    stdout,
    "verbatim\n|set|new:old|it's $HOME|\n/layers/test_inline/one/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n/layers/test_inline/one/lib\n",
  );
  const other = await start(artifact, ['--', 'bash', '-c', 'echo "$A|$D"']);
  assert.equal(other.stdout, 'verbatim\n|\n');
});

test('programs in exec.d set variables, and a failed one stops the start', async () => {
  const program = (text: string) =>
    `printf '#!/bin/bash\\n%s\\n' '${text}' > $layers/one/exec.d/p; chmod +x $layers/one/exec.d/p\n`;
  const good = await build(
    `${layer('one')}mkdir $layers/one/exec.d\n${program('echo "A = \\"a \\\\\\"quoted\\\\\\" one\\"" >&3; echo noise')}${launchToml(...show)}`,
  );
  const { stdout, stderr } = await start(good, ['show']);
  assert.match(stdout, /^a "quoted" one\|/);
  assert.equal(stderr, 'noise\n');
  const bad = await build(`${layer('one')}mkdir $layers/one/exec.d\n${program('exit 3')}${launchToml(...show)}`);
  const ended = await start(bad, ['show']);
  assert.equal(ended.exitCode, 3);
  assert.match(ended.stderr, /exec\.d\/p ended with 3, so nothing was started/);
});

test('scripts in profile.d run before those of the app', async () => {
  const artifact = await build(
    `${layer('one')}mkdir -p $layers/one/profile.d/show
    echo 'export A=layer' > $layers/one/profile.d/a.sh; echo 'export B=$A-type' > $layers/one/profile.d/show/b.sh
    echo 'export C=$B-app' > .profile\n${launchToml(...show)}`,
  );
  assert.match((await start(artifact, ['show'])).stdout, /^layer\|layer-type\|layer-type-app\|/);
});

test('a process has its own folder and default arguments, which can be replaced', async () => {
  const artifact = await build(
    launchToml(
      '[[processes]]',
      'type = "at"',
      'command = ["bash", "-c", "pwd; echo \\"$@\\"", "x"]',
      'args = ["one", "it\'s"]',
      'working-dir = "/usr"',
      'default = true',
    ),
  );
  assert.equal((await start(artifact, ['at'])).stdout, "/usr\none it's\n");
  assert.equal((await start(artifact, ['at', 'two three'])).stdout, '/usr\ntwo three\n');
  // By its link, and as the image's entrypoint, as other platforms start it.
  assert.equal((await fixture.run(artifact.imageId, ['/cnb/process/at'])).stdout, "/usr\none it's\n");
  const image = await fixture.engine.images.inspect(artifact.imageId);
  assert.deepEqual(image?.config.entrypoint, ['/cnb/process/at']);
});

test('a buildpack that breaks its contract gets an error that says how', async () => {
  const cases: readonly (readonly [string, RegExp])[] = [
    ['echo "not toml" > $layers/one.toml', /test\/inline\/one.toml that is not valid/],
    [
      'printf "[types]\\nlaunch = true\\ncache = true\\n" > $layers/one.toml',
      /described the layer \/layers\/test_inline\/one and did not make it/,
    ],
    [launchToml('[[processes]]', 'type = "a b"', 'command = ["x"]'), /launch.toml that is not valid/],
    [
      launchToml(
        '[[processes]]',
        'type = "a"',
        'command = ["x"]',
        'default = true',
        '[[processes]]',
        'type = "b"',
        'command = ["x"]',
        'default = true',
      ),
      /two processes are the default/,
    ],
  ];
  for (const [script, message] of cases) await assert.rejects(build(script), { code: 'build_failed', message });
});
