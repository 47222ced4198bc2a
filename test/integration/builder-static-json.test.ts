import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { BuilderFixture } from '../support/builder-fixture.ts';
import { GitSource, type SourceFiles } from '../support/git-source.ts';
import { askSite, at, type SiteAnswer } from '../support/static-site.ts';

let fixture: BuilderFixture;
before(async () => {
  fixture = await BuilderFixture.open();
});
after(() => fixture[Symbol.asyncDispose]());

async function build(files: SourceFiles) {
  await using source = await GitSource.create();
  return await fixture.build(await fixture.newApp(), await source.commit(files));
}

/** The values of a header, one per field line. */
const values = (answer: SiteAnswer | undefined, name: string) =>
  answer?.fields.filter(([field]) => field === name).map(([, value]) => value);

/** Answers with the method, the address and the body that it got, and redirects `/v1/away` to itself. */
const echo = `
from http.server import BaseHTTPRequestHandler, HTTPServer
class Echo(BaseHTTPRequestHandler):
    def do_GET(self):
        sent = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = " ".join([self.command, self.path, self.headers["Host"], str(len(sent))]).encode()
        self.send_response(302 if self.path == "/v1/away" else 200)
        if self.path == "/v1/away": self.send_header("Location", "http://127.0.0.1:5001/v1/there")
        self.send_header("Cache-Control", "private"); self.send_header("Content-Length", str(len(body))); self.end_headers()
        self.wfile.write(body)
    do_POST = do_GET
HTTPServer(("127.0.0.1", 5001), Echo).serve_forever()
`;

test('every field of static.json is served', async () => {
  const { artifact, output } = await build({
    'static.json': JSON.stringify({
      root: '/my site é/',
      clean_urls: true,
      https_only: true,
      canonical_host: '${SITE_HOST}',
      error_page: 'errors/sorry.html',
      encoding: 'ISO-8859-1',
      basic_auth: true,
      logging: { access: true, error: 'error' },
      debug: false,
      routes: {
        '/app/**': 'app.html',
        '/*.xyz': 'app.html',
        '/spa/**': { path: '/app.html', except: '/spa/assets/*' },
      },
      redirects: {
        '/old': { url: '/new', status: 302 },
        '/gone/**': { url: 'https://${NEW_SITE}/x?y=1' },
        '/page.html': '/elsewhere',
        '/there': { url: '/wrong' },
        '/': '/wrong',
        '/old?page=1': '/never',
      },
      headers: {
        '/**': { 'X-Frame-Options': 'DENY', 'Set-Cookie': 'a=1; Path=/', 'X-From': 'of ${NEW_SITE}' },
        '/': { 'Cache-Control': 'no-store' },
        '/assets/**': { 'cache-control': 'public, max-age=512000', 'Access-Control-Allow-Origin': '*' },
        '*.feed': { 'Content-Type': 'application/rss+xml' },
        '/plain.css': { 'X-Content-Type-Options': '', 'X-Number': 7, ETag: '', 'last-modified': '' },
      },
      proxies: { '/api/': { origin: '${API_URL}/v1/' }, '/api/dead/': { origin: '${UNSET}' } },
      worker_connections: 5,
      directory_listing: true,
    }),
    'my site é/index.html': 'home',
    'my site é/app.html': 'app',
    'my site é/there.html': 'there',
    'my site é/errors/sorry.html': 'sorry',
    'my site é/assets/app-1a2b3c4d.js': 'x'.repeat(2000),
    'my site é/news.feed': '<rss/>',
    'my site é/plain.css': 'a{}',
  });
  assert.match(output.text, / ! {5}static\.json has directory_listing, which is not known here\./);
  assert.match(output.text, / ! {5}static\.json has worker_connections, which the platform sets itself\./);

  assert.match(
    output.text,
    / ! {5}static\.json has redirects \/old\?page=1, and only paths are compared, without a query\./,
  );

  const requests: Readonly<Record<string, readonly string[]>> = {
    home: at('/'),
    app: at('/app/users/7'),
    one: at('/a.xyz'),
    deeper: at('/b/a.xyz'),
    folder: at('/none/'),
    spa: at('/spa/x/y'),
    except: at('/spa/assets/y'),
    old: at('/old'),
    oldSlash: at('/old/'),
    gone: at('/gone/a/b'),
    page: at('/page.html'),
    there: at('/there'),
    asset: at('/assets/app-1a2b3c4d.js'),
    zipped: [...at('/assets/app-1a2b3c4d.js'), '-H', 'Accept-Encoding: gzip', '-o', '/dev/null', '-D', '-'],
    part: [...at('/assets/app-1a2b3c4d.js'), '-r', '0-1'],
    lost: at('/assets/lost-1a2b3c4d.js'),
    feed: at('/news.feed'),
    css: at('/plain.css'),
    api: at('/api/items%20x?y=1%2F2'),
    post: [...at('/api/items'), '-d', 'z'.repeat(100_000)],
    away: at('/api/away'),
    dead: at('/api/dead/x'),
    insecure: [...at('/a?b=1'), '-H', 'X-Forwarded-Proto: http'],
    other: [...at('/a?b=1'), '-H', 'Host: www.other.example', '-H', 'X-Forwarded-Proto: https'],
  };
  const names = Object.keys(requests);
  const withUser = Object.values(requests).map((words) => [...words, '-u', 'jo:pa:ss']);
  const env = {
    SITE_HOST: 'localhost',
    NEW_SITE: 'new.example',
    API_URL: 'http://127.0.0.1:5001',
    BASIC_AUTH_USERNAME: 'jo',
    BASIC_AUTH_PASSWORD: 'pa:ss',
  };
  const all = await askSite(fixture, artifact, [...withUser, at('/'), [...at('/'), '-u', 'jo:no']], {
    env,
    beside: echo,
  });
  const answers = new Map(all.slice(0, names.length).map((answer, index) => [names[index] ?? '', answer]));
  const of = (name: string) => answers.get(name);
  const short = (name: string) => [of(name)?.status, of(name)?.body];

  assert.deepEqual(
    all.slice(-2).map(({ status }) => status),
    [401, 401],
    'no or a wrong password',
  );
  assert.deepEqual(short('home'), [200, 'home']);
  assert.equal(of('home')?.headers.get('content-type'), 'text/html; charset=ISO-8859-1');
  assert.deepEqual(values(of('home'), 'cache-control'), ['no-store']);
  assert.equal(of('home')?.headers.has('x-frame-options'), false, 'the last block that matches counts alone');
  for (const name of ['app', 'one', 'spa']) assert.deepEqual(short(name), [200, 'app'], name);
  for (const name of ['deeper', 'except', 'folder']) assert.deepEqual(short(name), [404, 'sorry'], name);
  assert.deepEqual(
    ['old', 'oldSlash', 'gone', 'page'].map((name) => [of(name)?.status, of(name)?.headers.get('location')]),
    [
      [302, '/new'],
      [302, '/new'],
      [301, 'https://new.example/x?y=1'],
      [301, '/elsewhere'],
    ],
  );
  assert.deepEqual(short('there'), [200, 'there'], 'a file comes before a redirect, as with Heroku');
  for (const name of ['app', 'old', 'deeper']) {
    assert.deepEqual(values(of(name), 'x-frame-options'), ['DENY'], name);
    assert.deepEqual(values(of(name), 'set-cookie'), ['a=1; Path=/'], name);
    assert.deepEqual(values(of(name), 'x-from'), ['of new.example'], name);
  }
  assert.deepEqual(values(of('asset'), 'cache-control'), ['public, max-age=512000'], 'ours is replaced');
  assert.equal(of('asset')?.headers.get('access-control-allow-origin'), '*');
  assert.equal(of('asset')?.headers.get('x-content-type-options'), 'nosniff', 'ours stays where the site has none');
  assert.equal(of('zipped')?.headers.get('content-encoding'), 'gzip');
  assert.deepEqual([of('part')?.status, of('part')?.body], [206, 'xx']);
  assert.deepEqual(values(of('lost'), 'cache-control'), ['public, max-age=512000']);
  assert.deepEqual(values(of('feed'), 'content-type'), ['application/rss+xml']);
  assert.equal(of('css')?.headers.has('x-content-type-options'), false, 'an empty value takes a header away');
  assert.equal(of('css')?.headers.get('x-number'), '7');
  for (const name of ['etag', 'last-modified']) {
    assert.deepEqual([of('css')?.headers.has(name), of('asset')?.headers.has(name)], [false, true], name);
  }
  assert.deepEqual(short('api'), [200, 'GET /v1/items%20x?y=1%2F2 127.0.0.1:5001 0']);
  assert.deepEqual(values(of('api'), 'cache-control'), ['private'], 'the origin decides');
  assert.equal(of('post')?.body, 'POST /v1/items 127.0.0.1:5001 100000');
  assert.equal(of('away')?.headers.get('location'), '/api/there');
  assert.equal(of('dead')?.status, 502);
  assert.equal(of('insecure')?.headers.get('location'), 'https://localhost/a?b=1');
  assert.equal(of('other')?.headers.get('location'), 'https://localhost/a?b=1');

  const etag = of('asset')?.headers.get('etag');
  const [same] = await askSite(
    fixture,
    artifact,
    [[...at('/assets/app-1a2b3c4d.js'), '-u', 'jo:pa:ss', '-H', `If-None-Match: ${etag}`]],
    { env },
  );
  assert.equal(same?.status, 304);
  assert.deepEqual(values(same, 'cache-control'), ['public, max-age=512000']);
});

test('no value of static.json becomes configuration of nginx', async () => {
  const hostile = [
    '"; return 200 "x',
    '$host ${not closed $1 $$ \\$host',
    '; } server { listen 81; }',
    '\\"; add_header X-Injected yes; #',
    "'; } location / { return 200; } #",
    '#{a}\\',
    '\\n\\r\\t\\0',
    '${EVIL}',
  ];
  const evil = '"; } add_header X-Injected "$host\\';
  const paths = ['/a"; return 200 "x', '/b$host{1}', '/c\\', '/d;#', "/e'(", '/f[a-z', '/é+'];
  const { artifact } = await build({
    'index.html': 'home',
    'static.json': JSON.stringify({
      headers: {
        '/**': Object.fromEntries(hostile.map((value, index) => [`X-${index}`, value])),
        ...Object.fromEntries(paths.map((path, index) => [path, { 'X-Path': `${index}` }])),
      },
      redirects: Object.fromEntries(hostile.map((value, index) => [`/r${index}`, { url: `/${value}` }])),
      routes: {
        ...Object.fromEntries(paths.map((path) => [`/routes${path}`, 'index.html'])),
        '/none': hostile[1] ?? '',
      },
      proxies: { '/p"; return 200 "x/': { origin: 'http://127.0.0.1:1/"; } $host' } },
      error_page: '$host"; }',
    }),
  });
  const encoded = (path: string) => encodeURIComponent(path).replaceAll('%2F', '/').replaceAll("'", '%27');
  const answers = await askSite(
    fixture,
    artifact,
    [
      at('/'),
      ...hostile.map((_, index) => at(`/r${index}`)),
      ...paths.map((path) => [...at(encoded(path)), '--globoff']),
      ...paths.map((path) => [...at(`/routes${encoded(path)}`), '--globoff']),
      at('/p%22;%20return%20200%20%22x/y'),
    ],
    { env: { EVIL: evil } },
  );
  const expected = hostile.map((value) => (value === '${EVIL}' ? evil : value));
  const [home] = answers;
  assert.deepEqual(
    hostile.map((_, index) => home?.headers.get(`x-${index}`)),
    expected,
  );
  assert.ok(answers.every(({ headers }) => !headers.has('x-injected')));
  assert.deepEqual(
    answers.slice(1, 1 + hostile.length).map(({ headers }) => headers.get('location')),
    expected.map((value) => `/${value}`),
  );
  const ofPaths = answers.slice(1 + hostile.length, 1 + hostile.length + paths.length);
  assert.deepEqual(
    ofPaths.map(({ headers }) => headers.get('x-path')),
    paths.map((_, index) => `${index}`),
  );
  const ofRoutes = answers.slice(1 + hostile.length + paths.length, -1);
  assert.deepEqual(
    ofRoutes.map(({ status, body }) => [status, body]),
    paths.map(() => [200, 'home']),
  );
  assert.equal(answers.at(-1)?.status, 502);
});
