import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import type { Artifact } from '../../src/domain/build.ts';
import type { PlatformError } from '../../src/domain/errors.ts';
import { BuilderFixture } from '../support/builder-fixture.ts';
import { GitSource, type SourceFiles } from '../support/git-source.ts';
import { askSite, at } from '../support/static-site.ts';

let fixture: BuilderFixture;
before(async () => {
  fixture = await BuilderFixture.open();
});
after(() => fixture[Symbol.asyncDispose]());

async function build(files: SourceFiles): Promise<Artifact> {
  await using source = await GitSource.create();
  return (await fixture.build(await fixture.newApp(), await source.commit(files))).artifact;
}

const ask = (artifact: Artifact, ...requests: readonly (readonly string[])[]) => askSite(fixture, artifact, requests);

test('a folder of files is a site: pages, content types, folders, a 404 page, and no hidden files', async () => {
  const artifact = await build({
    'index.html': '<h1>home</h1>',
    'docs/index.html': 'docs',
    'app.mjs': '1',
    'data.webmanifest': '{}',
    '404.html': 'gone',
    '.env': 'SECRET=1',
    '.git-credentials': 'x',
    '.well-known/security.txt': 'contact',
    Procfile: 'worker: sleep 1\nweb: serve-static\n',
  });
  const answers = await ask(
    artifact,
    at('/'),
    at('/docs'),
    at('/docs/'),
    at('/app.mjs'),
    at('/data.webmanifest'),
    at('/nope'),
    at('/.env'),
    at('/.well-known/security.txt'),
    at('/Procfile'),
    [...at('/../../etc/passwd'), '--path-as-is'],
  );
  assert.deepEqual(
    answers
      .map(({ status, body }) => [status, body.trim()])
      .map(([status, body]) => (status === 301 || status === 400 ? [status] : [status, body])),
    [
      [200, '<h1>home</h1>'],
      [301],
      [200, 'docs'],
      [200, '1'],
      [200, '{}'],
      [404, 'gone'],
      [404, 'gone'],
      [200, 'contact'],
      [404, 'gone'],
      [400],
    ],
  );
  assert.equal(answers[0]?.headers.get('content-type'), 'text/html; charset=utf-8');
  assert.equal(answers[1]?.headers.get('location'), '/docs/');
  assert.equal(answers[3]?.headers.get('content-type'), 'text/javascript; charset=utf-8');
  assert.equal(answers[4]?.headers.get('content-type'), 'application/manifest+json');
  assert.equal(answers[0]?.headers.get('x-content-type-options'), 'nosniff');
});

test('browsers revalidate pages, cache files with a hash in their name, and can request byte ranges', async () => {
  const artifact = await build({
    'public/index.html': 'x'.repeat(3000),
    'public/assets/app-1a2b3c4d.js': 'a',
    'public/assets/index-BxYz12Ab.css': 'b',
    'public/jquery-ui-widgets1.js': 'c',
    'public/text.txt': 'plain',
    'public/text.txt.gz': gzipSync('plain'),
    'secret.txt': 'not in public',
  });
  const [page, hashed, vite, plain, gzip, part, outside] = await ask(
    artifact,
    at('/'),
    at('/assets/app-1a2b3c4d.js'),
    at('/assets/index-BxYz12Ab.css'),
    at('/jquery-ui-widgets1.js'),
    [...at('/text.txt'), '-H', 'Accept-Encoding: gzip'],
    [...at('/text.txt'), '-r', '1-3'],
    at('/secret.txt'),
  );
  assert.equal(page?.headers.get('cache-control'), 'no-cache');
  assert.match(hashed?.headers.get('cache-control') ?? '', /immutable/);
  assert.match(vite?.headers.get('cache-control') ?? '', /immutable/);
  assert.equal(plain?.headers.get('cache-control'), 'no-cache');
  assert.equal(gzip?.headers.get('content-encoding'), 'gzip');
  assert.deepEqual([part?.status, part?.body.trim()], [206, 'lai']);
  assert.equal(outside?.status, 404);
  const etag = page?.headers.get('etag') ?? '';
  const [same] = await ask(artifact, [...at('/'), '-H', `If-None-Match: ${etag}`]);
  assert.equal(same?.status, 304);
});

test('browsers with the old file see a change even when the size is the same', async () => {
  const [old] = await ask(await build({ 'index.html': 'version 1' }), at('/'));
  const [changed] = await ask(await build({ 'index.html': 'version 2' }), [
    ...at('/'),
    '-H',
    `If-None-Match: ${old?.headers.get('etag')}`,
  ]);
  assert.equal(changed?.status, 200);
  assert.equal(changed?.body.trim(), 'version 2');
});

describe('a site can be configured', () => {
  test('as a single-page app, in a Staticfile', async () => {
    const artifact = await build({
      Staticfile: 'root: dist\npushstate: enabled\n',
      'dist/index.html': 'spa',
      'dist/a.txt': 'a',
      'index.html': 'other',
    });
    const answers = await ask(artifact, at('/'), at('/users/7'), at('/a.txt'));
    assert.deepEqual(
      answers.map(({ status, body }) => [status, body.trim()]),
      [
        [200, 'spa'],
        [200, 'spa'],
        [200, 'a'],
      ],
    );
  });

  test('with clean URLs, headers and https, in static.json', async () => {
    const artifact = await build({
      'static.json': JSON.stringify({
        root: 'site',
        clean_urls: true,
        https_only: true,
        error_page: 'sorry.html',
        headers: { '/**': { 'X-Frame-Options': 'DENY' } },
      }),
      'site/index.html': 'home',
      'site/about.html': 'about',
      'site/sorry.html': 'sorry',
    });
    const [about, html, index, missing, insecure] = await ask(
      artifact,
      at('/about'),
      at('/about.html?a=1'),
      at('/index.html'),
      at('/nope'),
      [...at('/about?b=2'), '-H', 'X-Forwarded-Proto: http', '-H', 'Host: site.example'],
    );
    assert.deepEqual(
      [about?.status, about?.body.trim(), about?.headers.get('x-frame-options')],
      [200, 'about', 'DENY'],
    );
    assert.deepEqual([html?.status, html?.headers.get('location')], [301, '/about?a=1']);
    assert.deepEqual([index?.status, index?.headers.get('location')], [301, '/']);
    assert.deepEqual([missing?.status, missing?.body.trim()], [404, 'sorry']);
    assert.deepEqual([insecure?.status, insecure?.headers.get('location')], [301, 'https://site.example/about?b=2']);
    // The site does not echo a path that browsers take for the address of another site.
    for (const strange of [
      '//evil.example/x.html',
      '/\\evil.example/x.html',
      '//evil.example/index.html',
      '///evil.example/index',
    ]) {
      const [answer] = await ask(artifact, at(strange));
      assert.doesNotMatch(answer?.headers.get('location') ?? '', /^[/\\]{2}/, strange);
      assert.equal(answer?.status, 404, strange);
    }
  });

  for (const [what, files, expected] of [
    ['of a root that is not there', { Staticfile: 'root: dist\n', 'index.html': '' }, /There is no folder dist/],
    ['of a root outside of the app', { 'static.json': '{"root":"../etc"}' }, /is not a folder of the app/],
    [
      'of a root that would be configuration',
      { 'static.json': JSON.stringify({ root: 'a"; return 200 "x' }) },
      /characters/,
    ],
    ['of a static.json that is no JSON', { 'static.json': '{' }, /static.json is not valid JSON/],
    [
      'of a header that is none',
      { 'index.html': '', 'static.json': JSON.stringify({ headers: { '/**': { 'A: b': 'c' } } }) },
      /not the name of a header/,
    ],
    [
      'of a value with a line end',
      { 'index.html': '', 'static.json': JSON.stringify({ headers: { '/**': { A: 'b\r\nSet-Cookie: c' } } }) },
      /"headers \/\*\* A" holds a line end/,
    ],
  ] as const) {
    test(`and the pusher reads ${what}`, async () => {
      await assert.rejects(build(files), { code: 'build_failed', message: expected });
    });
  }

  test('and the pusher reads the name of every field of another type', async () => {
    const settings = {
      root: 5,
      clean_urls: 'yes',
      headers: { '/**': { N: null }, '/a': 7 },
      redirects: { '/o': { to: 1 }, '/p': { url: '/x', status: 200 } },
      routes: { '/**': { file: 'x' } },
      proxies: { api: { origin: 'ftp://x' } },
      logging: { error: 'loud' },
    };
    await assert.rejects(
      build({ 'index.html': '', 'static.json': JSON.stringify(settings) }),
      ({ message, hint }: PlatformError) => {
        const said = `${message} ${hint}`;
        for (const sentence of [
          'root must be a text, and is 5.',
          'clean_urls must be true or false, and is "yes".',
          'headers "/**" N must be a text, and is null.',
          'headers "/a" must be an object of names and values, and is 7.',
          'redirects "/o" must be an object with a url',
          'redirects "/p" status must be 301, 302, 303, 307 or 308, and is 200.',
          'routes "/**" must be the path of a file',
          'proxies "api" must begin with a slash.',
          'proxies "api" origin must be an address that begins with http:// or https://, and is "ftp://x".',
          'logging error must be one of debug, info',
        ]) {
          assert.ok(said.includes(sentence), `${sentence} is missing in ${said}`);
        }
        return true;
      },
    );
  });
});
