import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { after, before, test } from 'node:test';
import { debianArchitecture } from '../../src/builder/stack/apt-download.ts';
import { buildOnBaseImage } from '../../src/builder/stack/base-image.ts';
import { makeDebianBase } from '../../src/builder/stack/debian-base.ts';
import { readHostApt, rootfs } from '../../src/builder/stack/debian-tools.ts';
import { type StackRecipe, stackRecipe, stackUser } from '../../src/builder/stack/recipe.ts';
import { ensureStacks, findStacks } from '../../src/builder/stack.ts';
import type { Stack } from '../../src/domain/builder.ts';
import { labelNames } from '../../src/domain/labels.ts';
import { createDockerEngine } from '../../src/engine/docker-engine.ts';
import { isRoot } from '../../src/system/privileges.ts';
import { scaled } from '../support/deadline.ts';
import { testDockerHost } from '../support/engine-fixture.ts';

const suite = { stackSuite: 'trixie' };
const runId = `stack-${randomBytes(4).toString('hex')}`;
const engine = createDockerEngine({ dockerHost: testDockerHost() });
/** Without root, namespaces may be missing. The way without them is tested above. */
const asRoot = { skip: isRoot() ? false : 'needs root, as mmdebstrap does on most hosts' };
let stack: Stack;

before(async () => {
  stack = await ensureStacks(engine, suite);
});

after(async () => {
  const labels = { [labelNames.platform]: runId };
  for (const { id } of await engine.containers.list(labels)) await engine.containers.remove(id);
  for (const { id, tags } of await engine.images.list(labels))
    for (const ref of [...tags, id]) await engine.images.remove(ref);
});

/** Output of a script in a container of the image, in the sandbox that builds or apps get. */
async function inContainer(image: string, script: string): Promise<string> {
  const id = await engine.containers.create({
    name: `${runId}-${randomBytes(4).toString('hex')}`,
    image,
    sandbox: 'build',
    labels: { [labelNames.platform]: runId },
    user: stackUser,
    entrypoint: ['bash', '-c'],
    command: [script],
    env: {},
    memoryBytes: 256 * 1024 * 1024,
    cpus: 1,
    networks: [],
  });
  const signal = AbortSignal.timeout(scaled(60_000));
  const { stdout, stderr } = await engine.containers.attach(id, signal);
  const output = Promise.all([text(stdout), text(stderr)]);
  await engine.containers.start(id);
  const { exitCode } = await engine.containers.wait(id, signal);
  const [out, err] = await output;
  await engine.containers.remove(id);
  assert.equal(exitCode, 0, `${script}\n${out}\n${err}`);
  return out;
}

test('existing stacks are found at once and not built again', async () => {
  assert.deepEqual(await findStacks(engine, suite), stack);
  const said: string[] = [];
  assert.deepEqual(await ensureStacks(engine, suite, { progress: (line) => said.push(line) }), stack);
  assert.deepEqual(said, []);
});

test('a Dockerfile can start with FROM paas/run', async () => {
  assert.equal((await engine.images.inspect('paas/run'))?.id, stack.runImageId);
  assert.equal((await engine.images.inspect('paas/build'))?.id, stack.buildImageId);
});

test('the build stack has the programs that buildpacks need', async () => {
  const tools = [
    ...[
      'bash',
      'curl',
      'git',
      'jq',
      'tar',
      'gzip',
      'bzip2',
      'xz',
      'zstd',
      'unzip',
      'file',
      'sed',
      'awk',
      'perl',
      'shasum',
    ],
    ...['dpkg', 'apt-get', 'python3', 'make', 'gcc', 'g++', 'erb', 'ruby', 'ssh-keygen', 'pkg-config', 'locale-gen'],
  ];
  const script = [
    `for tool in ${tools.join(' ')}; do command -v $tool >/dev/null || echo "no $tool"; done`,
    'test -s /etc/apt/sources.list || echo "no sources.list"',
    'ls /etc/apt/sources.list.d/* >/dev/null || echo "empty sources.list.d"',
    'echo abc | sed -u s/a/b/ | shasum -a 256 >/dev/null || echo "no shasum"',
    'printf "#include <openssl/ssl.h>\\nint main(){return !SSL_CTX_new(TLS_method());}" | gcc -x c - -lssl -lcrypto -o /app/x && /app/x || echo "cannot compile"',
  ].join('\n');
  assert.equal(await inContainer(stack.buildImageId, script), '');
});

test('the run stack has interpreters and the libraries that common programs link to', async () => {
  const libraries = [
    'libevent-2.1.so',
    'libcares.so',
    'libpcre2-8.so',
    'libssl.so.3',
    'libcrypt.so.1',
    'libz.so.1',
    'libpq.so.5',
  ];
  const script = [
    'for tool in bash erb ruby python3 perl curl git jq; do command -v $tool >/dev/null || echo "no $tool"; done',
    ...libraries.map((name) => `ls /usr/lib/*/${name}* >/dev/null 2>&1 || echo "no ${name}"`),
    'command -v gcc && echo "a compiler"',
    'true',
  ].join('\n');
  assert.equal(await inContainer(stack.runImageId, script), '');
});

for (const kind of ['run', 'build'] as const) {
  test(`the ${kind} stack runs as the user app, who owns its home and can switch to no other user`, async () => {
    const image = kind === 'run' ? stack.runImageId : stack.buildImageId;
    const script =
      'id -un; cd; pwd; stat -c %U:%G /app; touch /app/x && echo writable; find / -xdev -perm /6000 -type f 2>/dev/null | head';
    assert.equal(await inContainer(image, script), 'app\n/app\napp:app\nwritable\n');
  });

  test(`the ${kind} stack contains nothing of the machine that built it`, async () => {
    const image = kind === 'run' ? stack.runImageId : stack.buildImageId;
    const script = [
      'cat /etc/apt/sources.list',
      'grep -rhiE "proxy|cainfo|valid-until" /etc/apt/apt.conf.d /etc/apt/auth.conf* 2>/dev/null',
      'ls /var/lib/apt/lists | grep -v -E "^(lock|partial)$"',
      'true',
    ].join('\n');
    const lines = (await inContainer(image, script)).trimEnd().split('\n');
    assert.deepEqual(lines, [
      'deb http://deb.debian.org/debian trixie main',
      'deb http://deb.debian.org/debian trixie-updates main',
      'deb http://deb.debian.org/debian-security trixie-security main',
    ]);
  });
}

test('a build can install the host’s certificates and write its cache, an app can do neither', async () => {
  const certificates = '/etc/ssl/certs/ca-certificates.crt';
  // As the agent does, because a build has a user of its own.
  const own = `cp ${certificates} ${certificates}.own && mv -f ${certificates}.own ${certificates}`;
  const script = `${own} && echo x >${certificates} && touch /cache/x /build/x /layers/x && echo done`;
  assert.equal(await inContainer(stack.buildImageId, script), 'done\n');
  const refused =
    '(echo x >/etc/ssl/certs/ca-certificates.crt) 2>/dev/null || echo refused; test -d /cache || echo none';
  assert.equal(await inContainer(stack.runImageId, refused), 'refused\nnone\n');
});

test('without mmdebstrap and without a registry the same stack is built on a Debian from packages', async (t) => {
  const wanted = stackRecipe('run', 'trixie');
  const labels = { [labelNames.platform]: runId };
  const recipe: StackRecipe = { ...wanted, tag: `paas-test/${runId}:run`, config: { ...wanted.config, labels } };
  const making = { engine, progress: () => undefined, signal: AbortSignal.timeout(scaled(180_000)) };
  const architecture = (await debianArchitecture()) ?? assert.fail('there is no apt here');
  const base = await makeDebianBase({ suite: 'trixie', architecture, apt: await readHostApt() }, making);
  t.after(() => base.dispose());
  const checks = [
    'dpkg --audit',
    'dpkg --get-selections | grep -vc "install$"',
    'stat -c "%U:%G %a" /var/mail /tmp /root',
    'readlink /bin',
    'ls /packages /usr/sbin/policy-rc.d 2>/dev/null',
    'true',
  ];
  assert.equal(
    await inContainer(base.tag, checks.join('\n')),
    '0\nroot:mail 2775\nroot:root 1777\nroot:root 700\nusr/bin\n',
  );
  const apt = {
    ...(await readHostApt()),
    options: ['Acquire::Retries "2";', 'Acquire::https::CAInfo "/host/only.pem";'],
  };
  const id = await buildOnBaseImage(engine, recipe, { ...making, base: base.tag, apt });
  const [made, imported] = [await engine.images.inspect(id), await engine.images.inspect(stack.runImageId)];
  assert.deepEqual(made?.config.user, imported?.config.user);
  assert.deepEqual(made?.config.workingDir, imported?.config.workingDir);
  assert.deepEqual([...(made?.config.env ?? [])].sort(), [...(imported?.config.env ?? [])].sort());
  const left =
    'ls -A /run/stack 2>/dev/null; grep -rl only.pem /etc 2>/dev/null; id -un; cat /etc/apt/sources.list | head -1';
  assert.equal(await inContainer(id, left), 'app\ndeb http://deb.debian.org/debian trixie main\n');
});

test('a failed stack leaves no image and shows the error of mmdebstrap', asRoot, async () => {
  const recipe = { ...stackRecipe('run', 'trixie'), suite: 'nosuchsuite' };
  const chunks: unknown[] = [];
  await assert.rejects(async () => {
    for await (const chunk of rootfs(recipe, () => undefined, AbortSignal.timeout(scaled(60_000)))) chunks.push(chunk);
  }, /could not be made with mmdebstrap:\n(.*\n)*.*nosuchsuite/);
  assert.deepEqual(chunks, []);
});

test('building a stack can be cancelled, and then leaves nothing on the disk', asRoot, async (t) => {
  const temporaryFolder = await mkdtemp(join(tmpdir(), 'paas-stack-test-'));
  const before = process.env.TMPDIR;
  process.env.TMPDIR = temporaryFolder;
  t.after(async () => {
    if (before === undefined) delete process.env.TMPDIR;
    else process.env.TMPDIR = before;
    await rm(temporaryFolder, { recursive: true, force: true });
  });
  const stop = new AbortController();
  let used = 0;
  await assert.rejects(async () => {
    const progress = (line: string) => {
      if (!line.startsWith('running apt-get update')) return;
      used = readdirSync(temporaryFolder).length;
      stop.abort(new Error('enough'));
    };
    for await (const _ of rootfs(stackRecipe('run', 'trixie'), progress, stop.signal)) assert.fail('a tar was made');
  }, /enough/);
  assert.ok(used > 0, 'mmdebstrap works in the folder that is looked at');
  assert.deepEqual(readdirSync(temporaryFolder), []);
});
