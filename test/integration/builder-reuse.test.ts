import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { App } from '../../src/domain/app.ts';
import { labelNames } from '../../src/domain/labels.ts';
import type { SourceTree } from '../../src/domain/push.ts';
import { BuilderFixture, inlineBuildpack } from '../support/builder-fixture.ts';
import { eventually } from '../support/eventually.ts';
import { GitSource, type SourceFiles } from '../support/git-source.ts';
import { RecordedOutput } from '../support/recorded-output.ts';
import { readSavedImage } from '../support/saved-image.ts';

let fixture: BuilderFixture;
before(async () => {
  fixture = await BuilderFixture.open({ buildpacksDir: inlineBuildpack });
});
after(() => fixture[Symbol.asyncDispose]());

/** Installs something into a layer and a slice, declares its inputs, and does not change the sources. */
const installing = `
echo "building $INPUT_NAME"
layers=$CNB_LAYERS_DIR
mkdir -p $layers/tools/bin $layers/cached
printf '#!/bin/sh\\necho tool %s\\n' "$(cat inputs/version)" > $layers/tools/bin/tool
chmod +x $layers/tools/bin/tool
mkdir -p $layers/tools/env.launch && printf %s "$INPUT_NAME" > $layers/tools/env.launch/TOOL_NAME
printf '[types]\\nlaunch = true\\ncache = true\\n[metadata]\\nversion = "%s"\\n' "$(cat inputs/version)" > $layers/tools.toml
echo kept >> $layers/cached/log
printf '[types]\\ncache = true\\n' > $layers/cached.toml
mkdir -p modules && echo module > modules/m.txt
cat > $layers/launch.toml <<TOML
[[processes]]
type = "web"
command = ["bash", "-c", "tool; echo \\$TOOL_NAME; cat main.txt modules/m.txt"]
default = true
[[slices]]
paths = ["modules"]
TOML
printf '[metadata.paas]\\ninputs-only = true\\n' > $layers/store.toml
`;

const app1: SourceFiles = { 'build.sh': installing, 'inputs/version': '1', 'main.txt': 'hello\n' };

async function webSays(imageId: string): Promise<string> {
  const { stdout, stderr } = await fixture.run(imageId, ['/cnb/lifecycle/launcher', 'web']);
  return stdout + stderr;
}

/** The number of builds that ran in a container. */
async function build(app: App, tree: SourceTree, config: Readonly<Record<string, string>> = { INPUT_NAME: 'x' }) {
  const result = await fixture.build(app, tree, { config });
  return { ...result, inContainer: result.output.text.includes('building ') };
}

test('an unchanged tree starts no container, returns its artifact, and adds a build to the list', async () => {
  await using source = await GitSource.create();
  const app = await fixture.newApp();
  const first = await build(app, await source.commit(app1));
  const second = await build(app, await source.commit({}));
  assert.ok(first.inContainer && !second.inContainer);
  assert.ok(second.reused && !first.reused);
  assert.equal(second.artifact.id, first.artifact.id);
  assert.equal(second.build.state, 'succeeded');
  assert.equal((await fixture.store.builds.list(app.id)).length, 2);
});

test('a changed line starts no container, and the new image has the new line and the old layers', async () => {
  await using source = await GitSource.create();
  const app = await fixture.newApp();
  const first = await build(app, await source.commit(app1));
  assert.equal(await webSays(first.artifact.imageId), 'tool 1\nx\nhello\nmodule\n');
  const second = await build(app, await source.commit({ 'main.txt': 'changed\n' }));
  assert.ok(first.inContainer && !second.inContainer && !second.reused);
  assert.equal(await webSays(second.artifact.imageId), 'tool 1\nx\nchanged\nmodule\n');
  const [before, after] = await Promise.all(
    [first, second].map(async ({ artifact }) => (await fixture.engine.images.inspect(artifact.imageId))?.diffIds ?? []),
  );
  assert.equal(after?.length, before?.length);
  assert.deepEqual(
    after?.filter((diffId, index) => diffId !== before?.[index]).length,
    1,
    'only the app layer changed',
  );
});

test('a changed input, setting or buildpack decision causes a build', async () => {
  await using source = await GitSource.create();
  const app = await fixture.newApp();
  await build(app, await source.commit(app1));
  const input = await build(app, await source.commit({ 'inputs/version': '2' }));
  assert.ok(input.inContainer);
  assert.match(await webSays(input.artifact.imageId), /tool 2/);
  const setting = await build(app, await source.head(), { INPUT_NAME: 'y' });
  assert.ok(setting.inContainer);
  assert.match(await webSays(setting.artifact.imageId), /\ny\n/);
  const other = await build(app, await source.head(), { INPUT_NAME: 'y', UNRELATED: '1' });
  assert.ok(!other.inContainer, 'a setting that the buildpack does not read');
});

test('sources that now contain a file of the build are built again', async () => {
  await using source = await GitSource.create();
  const app = await fixture.newApp();
  await build(app, await source.commit(app1));
  const result = await build(app, await source.commit({ 'modules/own.txt': 'own' }));
  assert.ok(result.inContainer);
});

test('a build that changes its sources runs every time', async () => {
  await using source = await GitSource.create();
  const app = await fixture.newApp();
  const touching = { ...app1, 'build.sh': `${installing}\necho generated > made.txt` };
  const first = await build(app, await source.commit(touching));
  const second = await build(app, await source.commit({ 'main.txt': 'again\n' }));
  assert.ok(first.inContainer && second.inContainer);
  const { stdout } = await fixture.run(second.artifact.imageId, ['/cnb/lifecycle/launcher', '--', 'cat', 'made.txt']);
  assert.equal(stdout, 'generated\n');
});

test('equal sources give equal images, built in a container or not, after any earlier build', async () => {
  await using source = await GitSource.create();
  const one = await fixture.newApp();
  await build(one, await source.commit(app1));
  const quick = await build(one, await source.commit({ 'main.txt': 'changed\n' }));
  assert.ok(!quick.inContainer);
  // The files of another app belong to another user, so the same app builds again from nothing.
  await fixture.builder.forget(one.id);
  await fixture.store.configVars.change(one.id, { UNRELATED: '1' });
  const again = await build(one, await source.head(), { INPUT_NAME: 'x', UNRELATED: '1' });
  assert.ok(again.inContainer);
  assert.equal(again.artifact.imageId, quick.artifact.imageId);
});

test("a buildpack's cache is there for the next build, even after a failed one, and never in an image", async () => {
  await using source = await GitSource.create();
  const app = await fixture.newApp();
  const script = `${installing}\nwc -l < $layers/cached/log; exit $(cat inputs/exit)`;
  await build(app, await source.commit({ ...app1, 'build.sh': script, 'inputs/exit': '0' }));
  await assert.rejects(build(app, await source.commit({ 'inputs/exit': '3' })), { code: 'build_failed' });
  const third = await build(app, await source.commit({ 'inputs/exit': '0', 'inputs/version': '3' }));
  assert.match(third.output.text, /^ {7}3$/m);
  const { stdout } = await fixture.run(third.artifact.imageId, ['ls', '/layers/test_inline']);
  assert.equal(stdout, 'tools\n');
});

test('a launch layer that a failed build changed is not reused', async () => {
  await using source = await GitSource.create();
  const app = await fixture.newApp();
  const keep = `layers=$CNB_LAYERS_DIR\ncat $layers/tools.toml; ls $layers\n[ -e $layers/tools ] || { ${installing}\n}\nexit $(cat inputs/exit)`;
  await build(app, await source.commit({ ...app1, 'build.sh': keep, 'inputs/exit': '0' }));
  const spoil = 'echo spoilt >> $CNB_LAYERS_DIR/tools/bin/tool; exit 1';
  await assert.rejects(build(app, await source.commit({ 'build.sh': spoil })), { code: 'build_failed' });
  const last = await build(app, await source.commit({ 'build.sh': keep, 'inputs/version': '9' }));
  assert.match(await webSays(last.artifact.imageId), /^tool 9\nx\n/);
});

test('no secret, no proxy and no certificate of the host gets into an image', async () => {
  await using source = await GitSource.create();
  const secret = 'canary-5f0e9d-in-the-config';
  const tree = await source.commit({
    ...app1,
    'build.sh': `${installing}\ntest "$(cat /platform/env/API_TOKEN)" = ${secret.replace('5f0e9d', '"5f0e9d"')} || exit 9\necho "token is $API_TOKEN"; test -s /etc/ssl/certs/ca-certificates.crt`,
  });
  const { artifact, output } = await fixture.build(await fixture.newApp(), tree, {
    config: { INPUT_NAME: 'x', API_TOKEN: secret },
  });
  assert.match(output.text, /token is \[API_TOKEN\]/);
  const image = await readSavedImage(artifact.imageId);
  assert.ok(!image.includes(secret), 'the secret is in the image');
  const layers = (await fixture.engine.images.inspect(artifact.imageId))?.diffIds ?? [];
  const base = (await fixture.engine.images.inspect(fixture.stack.runImageId))?.diffIds ?? [];
  const above = await readSavedImage(artifact.imageId, layers.slice(base.length));
  assert.ok(above.includes('__paas_main'), 'the layers above the stack were looked at');
  assert.ok(!above.includes('BEGIN CERTIFICATE'));
  assert.ok(!/https?_proxy|SSL_CERT_FILE|npm_config_registry/i.test(above.toString('latin1')));
});

test('when the last image was removed from the engine, everything is built again', async () => {
  await using source = await GitSource.create();
  const app = await fixture.newApp();
  const unique = { ...app1, 'inputs/version': `only-${app.id}` };
  const first = await build(app, await source.commit(unique));
  for (const tag of (await fixture.engine.images.inspect(first.artifact.imageId))?.tags ?? []) {
    await fixture.engine.images.remove(tag);
  }
  assert.equal(await fixture.engine.images.inspect(first.artifact.imageId), null);
  const second = await build(app, await source.commit({ 'main.txt': 'after\n' }));
  assert.ok(second.inContainer);
  assert.match(await webSays(second.artifact.imageId), /after/);
});

test('after a purge of the cache the next build starts from nothing, also when the purge came during a build', async () => {
  await using source = await GitSource.create();
  const app = await fixture.newApp();
  const reading = `${installing}\necho lines: $(wc -l < $layers/cached/log)`;
  const tree = await source.commit({ ...app1, 'build.sh': reading });
  const first = await build(app, tree);
  await fixture.store.apps.purgeCache(app.id);
  const second = await build(app, tree);
  assert.ok(second.inContainer && !second.reused);
  assert.match(second.output.text, /The build cache was purged: building from nothing.*lines: 1\n/s);
  assert.notEqual(second.artifact.id, first.artifact.id);

  const waiting = `${installing}\necho begun; sleep 2`;
  const output = new RecordedOutput();
  const during = fixture.build(app, await source.commit({ 'build.sh': waiting }), {
    config: { INPUT_NAME: 'x' },
    output,
  });
  await eventually('the build runs', () => output.text.includes('begun'));
  await fixture.store.apps.purgeCache(app.id);
  assert.equal((await during).build.state, 'succeeded');
  const after = await build(app, await source.commit({ 'build.sh': reading }));
  assert.match(after.output.text, /The build cache was purged: building from nothing.*lines: 1\n/s);
  const labels = { [labelNames.platform]: fixture.platformId, [labelNames.app]: app.id };
  assert.equal((await fixture.engine.volumes.list(labels)).length, 1, 'the purged caches are gone');
  const quiet = await build(app, await source.commit({ 'main.txt': 'after the purge\n' }));
  assert.ok(!quiet.inContainer, 'one build is from nothing, and not all');
});

test('two pushes to one app are built one after the other, and the second pusher sees that it waits', async () => {
  await using source = await GitSource.create();
  const app = await fixture.newApp();
  const first = await source.commit({ ...app1, 'build.sh': `${installing}\nsleep 2` });
  const second = await source.commit({ 'inputs/version': '2' });
  const [outputs, config] = [[new RecordedOutput(), new RecordedOutput()], { INPUT_NAME: 'x' }];
  const running = fixture.build(app, first, { config, ...(outputs[0] && { output: outputs[0] }) });
  await eventually('the first build runs', async () =>
    (await fixture.store.builds.listByState('building')).some(({ appId }) => appId === app.id),
  );
  const waiting = fixture.build(app, second, { config, ...(outputs[1] && { output: outputs[1] }) });
  const line = `Waiting to build: the build of ${first.commit.slice(0, 7)} is ahead of yours (position 1)...`;
  await eventually('the second one waits, and reads for what', () => outputs[1]?.text.includes(line));
  assert.equal((await fixture.store.builds.listByState('queued')).filter(({ appId }) => appId === app.id).length, 1);
  await Promise.all([running, waiting]);
});

test('after a crash in a build the platform removes what the build left, and queued builds stay queued', async () => {
  await using source = await GitSource.create();
  const app = await fixture.newApp();
  const tree = await source.commit({ ...app1, 'build.sh': 'echo begun; sleep 600' });
  const abandoned = new AbortController();
  const output = new RecordedOutput();
  const building = fixture.build(app, tree, { output, signal: abandoned.signal }).catch((error: unknown) => error);
  const queued = await fixture.store.builds.create({
    appId: app.id,
    pushId: null,
    commit: tree.commit,
    treeId: tree.treeId,
  });
  await eventually('the build runs', () => output.text.includes('begun'));

  await fixture.newBuilder().sweep();
  assert.equal(await fixture.containersOfBuilds(), 0);
  const states = (await fixture.store.builds.list(app.id)).map(({ id, state, reason }) => [
    id === queued.id,
    state,
    reason !== null,
  ]);
  assert.deepEqual(states.sort(), [
    [false, 'failed', true],
    [true, 'queued', false],
  ]);
  abandoned.abort();
  await building;
});

test('a source that no buildpack accepts is refused with the list of files looked for', async () => {
  await using source = await GitSource.create();
  const app = await fixture.newApp();
  await assert.rejects(fixture.build(app, await source.commit({ 'README.md': '#' })), { code: 'no_app_detected' });
  const refused = fixture.build(app, await source.commit({ 'build.sh': '', 'no-detect': '' }));
  await assert.rejects(refused, { code: 'no_app_detected', message: /no-detect is there/ });
  const broken = fixture.build(app, await source.commit({ 'no-detect': null, 'broken-detect': '' }));
  await assert.rejects(broken, { code: 'build_failed', message: /out of order/ });
});

test('an invalid Procfile is refused with its line, before anything is built', async () => {
  await using source = await GitSource.create();
  const app = await fixture.newApp();
  const tree = await source.commit({ ...app1, Procfile: 'web: x\nno colon here\n' });
  await assert.rejects(fixture.build(app, tree), { code: 'invalid_params', message: /Procfile line 2.*no colon here/ });
  assert.deepEqual(await fixture.store.builds.list(app.id), []);
});
