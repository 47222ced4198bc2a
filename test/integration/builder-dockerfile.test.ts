import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import { appUser } from '../../src/domain/app-user.ts';
import type { PlatformError } from '../../src/domain/errors.ts';
import { isRoot } from '../../src/system/privileges.ts';
import { BuilderFixture } from '../support/builder-fixture.ts';
import { scaled } from '../support/deadline.ts';
import { GitSource, type SourceFiles } from '../support/git-source.ts';
import { testHands } from '../support/hands.ts';
import { RecordedOutput } from '../support/recorded-output.ts';
import { readSavedImage } from '../support/saved-image.ts';

let fixture: BuilderFixture;
before(async () => {
  fixture = await BuilderFixture.open();
});
after(() => fixture[Symbol.asyncDispose]());

async function build(files: SourceFiles, config: Readonly<Record<string, string>> = {}) {
  await using source = await GitSource.create();
  const app = await fixture.newApp();
  return { app, ...(await fixture.build(app, await source.commit(files), { config })) };
}

async function failure(files: SourceFiles): Promise<PlatformError> {
  return await build(files).then(
    () => assert.fail('it was built'),
    (error: PlatformError) => error,
  );
}

/** A port that only the host itself should reach. */
async function startHostService() {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(request.url ?? '');
    response.end('what only the host may know');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    asked,
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

test('every step of a Dockerfile runs again after a purge of the cache, until a build succeeds', async () => {
  await using source = await GitSource.create();
  const app = await fixture.newApp();
  // A new value, because the engine's cache outlives a run of the tests.
  const Dockerfile = `FROM paas/run\nUSER root\nENV RUN_AT=${Date.now()}\nRUN cat /proc/sys/kernel/random/uuid > /id\nCOPY text /\nUSER 10001\nCMD ["cat", "/id"]\n`;
  const built = async (files: SourceFiles) => {
    const { artifact } = await fixture.build(app, await source.commit(files));
    return (await fixture.run(artifact.imageId, ['cat', '/id'])).stdout;
  };
  const first = await built({ Dockerfile, text: '1' });
  assert.equal(await built({ text: '2' }), first);
  await fixture.store.apps.purgeCache(app.id);
  const fails = { Dockerfile: Dockerfile.replace('RUN', 'RUN exit 3\nRUN') };
  await assert.rejects(built(fails));
  const second = await built({ Dockerfile });
  assert.notEqual(second, first);
  assert.equal(await built({ text: '3' }), second);
});

test('a Dockerfile takes precedence over buildpacks, and its command is the web process', async () => {
  const { app, artifact, output } = await build(
    {
      Dockerfile:
        'FROM paas/run\nARG SECRET=none\nWORKDIR /srv\nCOPY . .\nUSER 10001\nEXPOSE 8000\nCMD ["cat", "hello.txt"]\n',
      'package.json': '{}',
      'hello.txt': 'from a Dockerfile\n',
    },
    { SECRET: 'x', OTHER: 'y' },
  );
  assert.match(output.text, / ! {5}ARG SECRET: config vars reach the running app, and not the build of a Dockerfile\./);
  assert.match(output.text, /Dockerfile declares types -> web/);
  assert.equal(artifact.builder, 'dockerfile');
  assert.equal(artifact.launcher, null);
  assert.deepEqual(artifact.exposedPorts, [8000]);
  assert.equal(artifact.user, `${app.uid}:10001`);
  assert.deepEqual(artifact.processes, [{ type: 'web', command: 'cat hello.txt', args: ['cat', 'hello.txt'] }]);
  const image = await fixture.engine.images.inspect(artifact.imageId);
  assert.equal(image?.labels['paas.platform'], fixture.platformId);
});

test('steps that fill the disk are ended together, wherever they write, and the numbers are shown', {
  skip: isRoot() ? false : 'needs root, as the count itself',
  timeout: scaled(180_000),
}, async () => {
  const fills: Readonly<Record<string, string>> = {
    'in their layers': 'RUN head -c 90M /dev/zero > /one; sleep 4\nRUN head -c 90M /dev/zero > /two; sleep 600',
    'in a cache': 'RUN --mount=type=cache,target=/cache head -c 150M /dev/zero > /cache/fill; sleep 600',
    'in a file without a name, under another environment':
      'RUN exec env -i /bin/bash -c "exec 9>/gone; rm /gone; head -c 150M /dev/zero >&9; sleep 600"',
  };
  const builder = fixture.newBuilder({ diskBytes: 140 * 1024 * 1024, wallMs: scaled(50_000) }, { buildSlots: 3 });
  const outcomes = Object.entries(fills).map(async ([where, steps]) => {
    await using source = await GitSource.create();
    const Dockerfile = `FROM paas/run\nUSER root\nENV RUN_AT=${Date.now()}\n${steps}\nUSER 10001\nCMD ["true"]\n`;
    const built = fixture.build(await fixture.newApp(), await source.commit({ Dockerfile }), { builder });
    return await built.then(
      () => `${where}: built`,
      (error: PlatformError) => `${where}: ${error.message.replace(/\d{3} MB of/, 'N MB of')}`,
    );
  });
  assert.deepEqual(
    await Promise.all(outcomes),
    Object.keys(fills).map((where) => `${where}: The build used N MB of disk, and 140 MB is the limit.`),
  );
});

test("the image gets the author's Dockerfile byte for byte, and no file that .dockerignore leaves out", async () => {
  const dockerfile =
    '# syntax=docker/dockerfile:1\nFROM paas/run\nUSER root\nCOPY . /srv\nRUN cp /srv/Dockerfile /own\nUSER app\nCMD ["true"]\r\n# caf\xe9';
  const { artifact } = await build({
    Dockerfile: Buffer.from(dockerfile, 'latin1'),
    '.dockerignore': 'secrets\n*.log\n!keep.log\n',
    'secrets/key': 'x',
    'a.log': 'x',
    'keep.log': 'x',
  });
  const { stdout } = await fixture.run(artifact.imageId, ['ls', '-A', '/srv'], { user: artifact.user });
  assert.deepEqual(stdout.trim().split('\n'), ['.dockerignore', 'Dockerfile', 'keep.log']);
  const digest = createHash('sha256').update(dockerfile, 'latin1').digest('hex');
  const sums = await fixture.run(artifact.imageId, ['sha256sum', '/srv/Dockerfile', '/own'], { user: artifact.user });
  assert.equal(sums.stdout, `${digest}  /srv/Dockerfile\n${digest}  /own\n`);
});

test("a COPY of a file that is not there fails in the author's words", async () => {
  const message = '[3/3] COPY --chown=app gone /x failed: "/gone" not found.';
  const dockerfile = 'FROM paas/run\nCOPY . /srv\nCOPY --chown=app gone /x\nCMD ["true"]\n';
  await assert.rejects(build({ Dockerfile: dockerfile }), { code: 'build_failed', message });
});

test('a Dockerfile that .dockerignore leaves out is in no image', async () => {
  const { artifact, output } = await build({
    Dockerfile:
      'ARG BASE=paas/run\nFROM $BASE AS one\nCOPY . /one/\nFROM paas/run\nCOPY --from=one /one /one\nCOPY app sub/ /srv/\nCOPY [".", "/all"]\nRUN ls /all\nCMD ["true"]\n',
    '.dockerignore': '*\n!app\n!sub\n',
    app: 'x',
    'sub/caf\u00e9': 'x',
    other: 'x',
  });
  const listed = await fixture.run(artifact.imageId, ['bash', '-c', 'cd / && find one srv all -type f | sort'], {
    user: artifact.user,
  });
  assert.deepEqual(listed.stdout.trim().split('\n'), [
    'all/app',
    'all/sub/café',
    'one/app',
    'one/sub/café',
    'srv/app',
    'srv/café',
  ]);
  assert.doesNotMatch(output.text, /paas-context/);
});

test('what a base image copies by itself stays where it is', async () => {
  await using source = await GitSource.create();
  const app = await fixture.newApp();
  const base = await source.commit({ Dockerfile: 'FROM paas/run\nONBUILD COPY . /on/\nCMD ["true"]\n' });
  const { cacheKey } = (await fixture.build(app, base)).artifact;
  const { artifact, output } = await build({
    Dockerfile: `FROM paas/app-${app.id}:${cacheKey.slice(0, 16)}\nCOPY kept /srv/\nCMD ["true"]\n`,
    '.dockerignore': '*\n!kept\n',
    kept: 'x',
  });
  const listed = await fixture.run(artifact.imageId, ['bash', '-c', 'ls /on /srv'], { user: artifact.user });
  assert.equal(listed.stdout, '/on:\nDockerfile\nkept\n\n/srv:\nkept\n');
  assert.match(output.text, /The Dockerfile is in the context although \.dockerignore leaves it out/);
});

test('a Procfile gives the commands of an image, which run with its entrypoint', async () => {
  const { app, artifact } = await build({
    Dockerfile: 'FROM paas/run\nENTRYPOINT ["/usr/bin/env", "ENTERED=yes"]\nCMD ["false"]\nUSER 1234\n',
    Procfile: 'web: ./serve --port 80\nworker: echo "$ENTERED"\n',
  });
  assert.equal(artifact.user, `${app.uid}:0`);
  assert.deepEqual(artifact.processes, [
    { type: 'web', command: './serve --port 80', args: ['/usr/bin/env', 'ENTERED=yes', './serve', '--port', '80'] },
    {
      type: 'worker',
      command: 'echo "$ENTERED"',
      args: ['/usr/bin/env', 'ENTERED=yes', 'sh', '-c', 'echo "$ENTERED"'],
    },
  ]);
  const args = artifact.processes[1]?.args ?? [];
  assert.equal((await fixture.run(artifact.imageId, args, { user: artifact.user })).stdout, 'yes\n');
});

test('an image that asks for root runs as an ordinary user, and the pusher sees a warning', async () => {
  const root = await build({ Dockerfile: 'FROM paas/run\nUSER root\nCMD ["id"]\n' });
  assert.equal(root.artifact.user, appUser(root.app));
  assert.match(root.output.text, / ! {5}The image runs as root. Here it runs as a user of the app's own/);
});

test("the app's own user takes the place of the image's user, with its name, its files and its group", async () => {
  const dockerfile = [
    'FROM paas/run',
    'USER root',
    'RUN useradd --uid 4321 --user-group --create-home joe && mkdir -p /data /shared /other && touch /data/kept /other/file',
    'RUN chown joe /data /data/kept && chmod 600 /data/kept && chown :joe /shared && chmod 775 /shared && chmod 700 /other',
    'RUN ln -s /nowhere /data/link && chown -h joe /data/link',
    'USER joe',
    'RUN date > ~/made',
    'CMD ["id"]',
  ];
  const { artifact, app, output } = await build({ Dockerfile: `${dockerfile.join('\n')}\n` });
  assert.equal(artifact.user, `${app.uid}:4321`);
  assert.doesNotMatch(output.text, /paas-user|\.paas\/init/);
  const script = [
    'whoami && id -g && echo ~joe && stat -c "%U %a" /data/kept ~joe/made /data/link',
    'echo more >> /data/kept && touch /data/new /shared/new ~joe/new && ls /other',
  ].join('\n');
  const { stdout, stderr } = await fixture.run(artifact.imageId, ['sh', '-c', script], { user: artifact.user });
  assert.deepEqual(stdout.trim().split('\n'), ['joe', '4321', '/home/joe', 'joe 600', 'joe 644', 'joe 777']);
  assert.match(stderr, /^ls: cannot open directory '\/other': Permission denied$/m);
});

test('a number for USER, a group of the author, and an image without shell or passwd are mapped too', async () => {
  const numbered = await build({
    Dockerfile:
      'FROM paas/run\nUSER root\nRUN mkdir /data && chown 1001:0 /data && chmod 770 /data\nUSER 1001\nCMD ["id"]\n',
  });
  assert.equal(
    numbered.artifact.user,
    `${numbered.app.uid}:0`,
    'as with any engine: a number without a line is in group 0',
  );
  const { stdout } = await fixture.run(numbered.artifact.imageId, ['sh', '-c', 'touch /data/x && whoami'], {
    user: numbered.artifact.user,
  });
  assert.equal(stdout, 'app\n');
  const bare = await build({
    Dockerfile: 'FROM scratch\nCOPY --chown=65532:65532 text /data/\nUSER 65532:65532\nCMD ["/data/text"]\n',
    text: 'x',
  });
  assert.equal(bare.artifact.user, `${bare.app.uid}:65532`);
  const unknown = await failure({ Dockerfile: 'FROM scratch\nCOPY text /\nUSER nobody\nCMD ["/text"]\n', text: 'x' });
  assert.equal(unknown.message, 'The image has no user nobody in /etc/passwd.');
});

test('a RUN step reaches the registries as the host does, and the image keeps no settings of the host', async () => {
  const { artifact, output } = await build(
    {
      Dockerfile: [
        'FROM paas/run',
        // A new value, which the engine has not cached.
        `ENV RUN_AT=${Date.now()}`,
        'RUN curl -fsS -o /dev/null -w "answered %{http_code}\\n" "$npm_config_registry"is-number && test -s "$SSL_CERT_FILE"',
        'CMD ["env"]',
      ].join('\n'),
    },
    { API_TOKEN: 'canary-77aa-token' },
  );
  assert.match(output.text, /answered 200/);
  assert.doesNotMatch(output.text, /--mount/);
  const image = await fixture.engine.images.inspect(artifact.imageId);
  const base = (await fixture.engine.images.inspect(fixture.stack.runImageId))?.diffIds ?? [];
  const saved = await readSavedImage(artifact.imageId, image?.diffIds.slice(base.length));
  for (const secret of ['BEGIN CERTIFICATE', 'canary-77aa-token']) assert.ok(!saved.includes(secret), secret);
  assert.ok(!image?.config.env?.some((variable) => /CERT|registry|proxy/i.test(variable)));
});

test('a syntax line works even when no registry has the front end', async () => {
  const { output } = await build({
    Dockerfile: '# syntax=docker/dockerfile:0.0.0-none\nFROM paas/run\nCMD ["true"]\n',
  });
  assert.match(output.text, / ! {5}No registry gave the front end/);
});

test('a front end of a third party is refused', async () => {
  await using host = await startHostService();
  const { output } = await build({
    Dockerfile: `# syntax=127.0.0.1:${host.port}/front/end:1\nFROM paas/run\nCMD ["true"]\n`,
  });
  assert.match(
    output.text,
    / ! {5}The front end of the Dockerfile's syntax line, 127\.0\.0\.1:\d+\/front\/end:1, is not/,
  );
  assert.deepEqual(host.asked, []);
});

test('the engine fetches no URL for a Dockerfile, in any form, because it could reach the host’s ports', async () => {
  await using host = await startHostService();
  const url = `http://127.0.0.1:${host.port}/secret`;
  const plain = await failure({ Dockerfile: `FROM paas/run\nADD ${url} /srv/\nCMD ["true"]\n` });
  assert.match(plain.message, /^Dockerfile line 2 adds http:\/\/127/);
  assert.match(plain.hint ?? '', /RUN curl/);
  assert.deepEqual(host.asked, []);
  const read = `USER root\nENV RUN_AT=${Date.now()}\nRUN cat /srv/secret\nCMD ["true"]\n`;
  for (const hidden of [
    `ENV URL=${url}\nADD $URL /srv/\n`,
    `ARG SCHEME=http\nADD \${SCHEME}://127.0.0.1:${host.port}/secret /srv/\n`,
  ]) {
    await using source = await GitSource.create();
    const output = new RecordedOutput();
    const tree = await source.commit({ Dockerfile: `FROM paas/run\n${hidden}${read}` });
    await assert.rejects(fixture.build(await fixture.newApp(), tree, { output }), {
      code: 'build_failed',
      message: /The Dockerfile adds http:\/\/127/,
    });
    assert.doesNotMatch(output.text, /what only the host may know/);
  }
});

test("a cache mount is there for the app's next build, and for no other app", async () => {
  await using source = await GitSource.create();
  const dockerfile = (step: string) =>
    `FROM paas/run\nUSER root\nENV RUN_AT=${Date.now()}\nRUN --mount=type=cache,target=/cache ${step}\nCMD ["true"]\n`;
  const app = await fixture.newApp();
  await fixture.build(app, await source.commit({ Dockerfile: dockerfile('echo kept > /cache/note') }));
  const read = await source.commit({ Dockerfile: dockerfile('echo "note: $(cat /cache/note || echo none)"') });
  assert.match((await fixture.build(app, read)).output.text, /note: kept/);
  assert.match((await fixture.build(await fixture.newApp(), read)).output.text, /note: none/);
});

test('a Dockerfile that fills the disk of the host is stopped before the disk is full', async () => {
  const disk = (await testHands.disks()).find(({ holds }) => holds === 'engine');
  assert.ok(disk?.space, 'the disk of the engine can be looked at');
  const freeDiskBytes = disk.space.freeBytes - 300 * 1024 * 1024;
  const builder = fixture.newBuilder({ freeDiskShare: 1, freeDiskBytes });
  await using source = await GitSource.create();
  const fill = `RUN echo ${Date.now()}; dd if=/dev/zero of=/var/tmp/big bs=1M count=600; sync; sleep 600`;
  const tree = await source.commit({ Dockerfile: `FROM paas/run\nUSER root\n${fill}\nCMD ["true"]\n` });
  await assert.rejects(fixture.build(await fixture.newApp(), tree, { builder }), {
    code: 'no_capacity',
    message: /^The host's disk has \d+ % left/,
  });
});

test('a Dockerfile cannot ask for the host’s network or for more rights', async () => {
  for (const flag of ['--network=host', '--security=insecure']) {
    const error = await failure({ Dockerfile: `FROM paas/run\nRUN ${flag} true\nCMD ["true"]\n` });
    assert.equal(error.code, 'build_failed');
    assert.match(error.message, /unknown flag|not allowed|not enabled/i);
  }
});

test("errors show the line numbers of the author's Dockerfile", async () => {
  const unknown = await failure({ Dockerfile: 'FROM paas/run\nRUN true\nBOGUS x\n' });
  assert.match(unknown.message, /line 3: unknown instruction: BOGUS/i);
  const step = await failure({ Dockerfile: 'FROM paas/run\nRUN echo before; exit 9\n' });
  assert.match(step.message, /RUN echo before; exit 9 failed with exit code 9/);
  const idle = await failure({ Dockerfile: 'FROM paas/run\nCMD []\n' });
  assert.match(idle.message, /the Dockerfile has no CMD/);
  assert.match(idle.hint ?? '', /a last line such as: CMD \["node", "server.js"\]/);
  const missing = await failure({ Dockerfile: 'FROM paas/run\nCOPY missing.txt /\n' });
  assert.match(missing.message, /"\/missing.txt" not found\.$/);
  const rights = await failure({ Dockerfile: 'FROM paas/run\nRUN mkdir /opt/mine\n' });
  assert.match(rights.hint ?? '', /Write USER root before the steps that need it/);
  const base = await failure({ Dockerfile: 'FROM registry.invalid/nobody/has:1\n' });
  assert.match(base.message, /registry.invalid\/nobody\/has:1 is not in the engine, and no registry gave it/);
  assert.match(base.hint ?? '', /FROM paas\/run/);
});

test('a build that hangs, or whose pusher left, is stopped', async () => {
  await using source = await GitSource.create();
  const tree = await source.commit({ Dockerfile: 'FROM paas/run\nRUN echo begun; sleep 300\nCMD ["true"]\n' });
  const idle = fixture.newBuilder({ idleMs: 1500 });
  await assert.rejects(fixture.build(await fixture.newApp(), tree, { builder: idle }), {
    code: 'timeout',
    message: /wrote nothing for 1.5 s/,
  });
  const gone = new AbortController();
  const output = new RecordedOutput();
  const building = fixture.build(await fixture.newApp(), tree, { output, signal: gone.signal });
  setTimeout(() => gone.abort(), 1000);
  await assert.rejects(building, { code: 'cancelled' });
});
