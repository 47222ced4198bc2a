import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { BuilderFixture } from '../support/builder-fixture.ts';
import { GitSource, type SourceFiles } from '../support/git-source.ts';
import { askSite, at } from '../support/static-site.ts';

let fixture: BuilderFixture;
before(async () => {
  fixture = await BuilderFixture.open();
});
after(() => fixture[Symbol.asyncDispose]());

async function build(files: SourceFiles) {
  await using source = await GitSource.create();
  return await fixture.build(await fixture.newApp(), await source.commit(files));
}

test('pages with a script named index.js are a static site, and the log says why and what changes it', async () => {
  const { artifact, output } = await build({ 'index.html': 'home', 'index.js': 'document.title = "x"' });
  assert.match(
    output.text,
    /Using buildpack: paas\/static\n {7}index\.html and no start script, Procfile or server package: served as a static site\.\n {7}To run it with Node\.js, add "scripts": \{ "start": "node index\.js" \} in package\.json, or a Procfile with web: node index\.js\n/,
  );
  const [page, script] = await askSite(fixture, artifact, [at('/'), at('/index.js')]);
  assert.deepEqual([page?.body, script?.body], ['home', 'document.title = "x"']);
});

test('a site that npm builds is built, and the pages that the build made are served', async () => {
  await using source = await GitSource.create();
  const app = await fixture.newApp();
  const tree = await source.commit({
    'index.html': 'a template',
    'package.json': JSON.stringify({ name: 'site', version: '1.0.0', scripts: { build: 'node build.mjs' } }),
    'build.mjs': `import { mkdirSync, writeFileSync } from 'node:fs';
      mkdirSync('dist'); writeFileSync('dist/index.html', 'made by npm');`,
  });
  const { artifact, output } = await fixture.build(app, tree);
  assert.match(output.text, /Using buildpack: paas\/nodejs, paas\/static/);
  assert.match(output.text, /Serving the folder dist/);
  assert.doesNotMatch(output.text, /no start script, and there is no/);
  const [page] = await askSite(fixture, artifact, [at('/')]);
  assert.equal(page?.body, 'made by npm');
  const nothing = source.commit({ 'build.mjs': '', 'index.html': null });
  await assert.rejects(fixture.build(app, await nothing), {
    code: 'build_failed',
    message: /The script build of package\.json made no pages/,
    hint: /static\.json.*"start": "node dist\/main\.js"/s,
  });
});

test('a single app.js runs with the default version of Node.js, which the log says', async () => {
  const { artifact, output } = await build({ 'app.js': 'console.log("runs on", process.version)' });
  assert.match(
    output.text,
    /app\.js without a package\.json: run with the default version of Node\.js, by node app\.js\./,
  );
  const { stdout } = await fixture.run(artifact.imageId, [artifact.launcher ?? '', 'web']);
  const version = /Using Node\.js (\S+)/.exec(output.text)?.[1];
  assert.equal(stdout, `runs on v${version}\n`);
});

test('a web process whose program is not in the image is refused', async () => {
  await assert.rejects(build({ Procfile: 'web: caddy run' }), {
    code: 'build_failed',
    message: /web would start caddy, which is not in the image/,
    hint: /Dockerfile/,
  });
  const { output } = await build({ Procfile: 'web: python3 -m http.server $PORT\nworker: caddy run' });
  assert.match(output.text, / ! {5}worker would start caddy, which is not in the image/);
});
