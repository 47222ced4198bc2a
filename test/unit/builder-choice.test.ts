import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type BuilderChoice, chooseBuilder } from '../../src/builder/builder-choice.ts';
import { nothingDetected } from '../../src/builder/nothing-detected.ts';
import { packageFacts } from '../../src/builder/package-facts.ts';
import { PlatformError } from '../../src/domain/errors.ts';
import { parseProcfile } from '../../src/domain/procfile.ts';

/** Files by path. The content counts for package.json and Procfile only. */
type Tree = Readonly<Record<string, string>>;

function choose(tree: Tree): BuilderChoice | null {
  const { 'package.json': packageJson, Procfile: procfile } = tree;
  return chooseBuilder({
    paths: new Set(Object.keys(tree)),
    packageJson: packageJson === undefined ? null : packageFacts(packageJson),
    procfile: procfile === undefined ? null : parseProcfile(procfile),
  });
}

const page = { 'index.html': '' };
const pkg = (fields: object) => ({ 'package.json': JSON.stringify(fields) });
const files = (...paths: readonly string[]): Tree => Object.fromEntries(paths.map((path) => [path, '']));
const start = { scripts: { start: 'node server.js' } };
const built = { scripts: { build: 'vite build' } };

describe('which builder a source gets, and the rule that is said', () => {
  const rows: readonly (readonly [what: string, tree: Tree, builder: string, rule: RegExp])[] = [
    ['a Dockerfile', { ...page, ...pkg(start), ...files('Dockerfile') }, 'dockerfile', /A Dockerfile decides/],

    ['a page', page, 'static', /^index\.html and no start script, Procfile or server package: served as a static site/],
    ['a page with index.js', { ...page, ...files('index.js') }, 'static', /web: node index\.js/],
    ['a page with app.js', { ...page, ...files('app.js') }, 'static', /web: node app\.js/],
    ['a page in public', files('public/index.html', 'index.js'), 'static', /^public\/index\.html and/],
    ['a page named index.htm', files('index.htm'), 'static', /^index\.htm and/],
    ['a page and package.json without scripts', { ...page, ...pkg({}), ...files('index.js') }, 'static', /served/],
    ['a page and main', { ...page, ...pkg({ main: 'index.js' }), ...files('index.js') }, 'static', /served/],
    ['a page and dev dependencies', { ...page, ...pkg({ devDependencies: { express: '5' } }) }, 'static', /served/],
    ['a page and other dependencies', { ...page, ...pkg({ dependencies: { jquery: '3' } }) }, 'static', /served/],
    [
      'a page and a file server without a program',
      { ...page, ...pkg({ dependencies: { serve: '1' } }) },
      'static',
      /served/,
    ],
    ['a page and a start script that is no text', { ...page, ...pkg({ scripts: { start: 5 } }) }, 'static', /served/],
    ['a page that npm builds', { ...page, ...pkg(built) }, 'nodejs,static', /built with npm run build, then served/],
    [
      'a template of a page that npm builds',
      { ...files('public/index.html'), ...pkg(built) },
      'nodejs,static',
      /build/,
    ],
    [
      'sources that npm builds',
      { ...pkg(built), ...files('astro.config.mjs') },
      'nodejs,static',
      /a build script and nothing to start/,
    ],
    [
      'pages for Heroku',
      { ...page, ...pkg({ scripts: { 'heroku-postbuild': 'x' } }) },
      'nodejs,static',
      /heroku-postbuild/,
    ],
    ['static.json', files('static.json', 'index.js'), 'static', /^static\.json and no start script/],
    [
      'static.json and a server package',
      { ...files('static.json'), ...pkg({ dependencies: { next: '1' } }) },
      'static',
      /static\.json/,
    ],
    [
      'static.json and a build script',
      { ...files('static.json'), ...pkg(built) },
      'nodejs,static',
      /static\.json.*build/,
    ],
    ['Staticfile', files('Staticfile'), 'static', /^Staticfile and/],
    [
      'a Procfile for the static server',
      { ...page, ...pkg(start), Procfile: 'web: serve-static' },
      'static',
      /serve-static/,
    ],
    ['pages in dist', files('dist/index.html', 'README.md'), 'static', /the folder dist is served/],
    ['pages in dist beside a package.json', { ...files('dist/index.html'), ...pkg({}) }, 'static', /the folder dist/],
    ['pages in docs', files('docs/index.html', 'README.md'), 'static', /the folder docs is served/],

    [
      'a page and a start script',
      { ...page, ...pkg(start) },
      'nodejs',
      /start script.*serve index\.html as a static site, remove the start/,
    ],
    ['static.json and a start script', { ...files('static.json'), ...pkg(start) }, 'nodejs', /what static\.json says/],
    [
      'a page and server.js',
      { ...page, ...files('server.js') },
      'nodejs',
      /^server\.js: run with Node\.js.*rename server\.js/,
    ],
    [
      'a page and a server package',
      { ...page, ...pkg({ dependencies: { fastify: '5' } }) },
      'nodejs',
      /depends on fastify/,
    ],
    [
      'a page, a file server and a program',
      { ...page, ...pkg({ dependencies: { serve: '1' } }), ...files('app.js') },
      'nodejs',
      /depends on serve/,
    ],
    [
      'a page, a Procfile and index.js',
      { ...page, ...files('index.js'), Procfile: 'web: node index.js' },
      'nodejs',
      /^Procfile and index\.js/,
    ],
    [
      'a page, a Procfile without web',
      { ...page, ...pkg({}), Procfile: 'worker: node w.js' },
      'nodejs',
      /no web, so nothing answers/,
    ],
    [
      'a Procfile that uses Node.js',
      { ...files('src/a.mjs'), Procfile: 'web: exec node src/a.mjs' },
      'nodejs',
      /whose commands use Node\.js/,
    ],
    ['a broken package.json', { ...page, 'package.json': '{' }, 'nodejs', /cannot be read/],
    ['only a package.json', pkg({}), 'nodejs', /^package\.json: built/],
    [
      'a site generator with a start script',
      pkg({ scripts: { start: 'npx ng serve', build: 'ng build' } }),
      'nodejs',
      /To serve the pages of npm run build as a static site.*web: serve-static/,
    ],
    [
      'a server with a build script',
      pkg({ scripts: { start: 'nest start', build: 'nest build' } }),
      'nodejs',
      /To start it in another way/,
    ],
    [
      'a build tool as main',
      { ...pkg({ ...built, main: './gulpfile.babel.js' }), ...files('gulpfile.babel.js') },
      'nodejs,static',
      /a build script and nothing to start/,
    ],
    [
      'a page and a build tool as main',
      { ...page, ...pkg({ main: 'webpack.config.js' }), ...files('webpack.config.js') },
      'static',
      /"start": "node server\.js"/,
    ],
    ['a build that makes main', pkg({ ...built, main: 'dist/app.js' }), 'nodejs', /^package\.json: built/],
    [
      'main without its ending',
      { ...pkg({ main: './lib/app' }), ...files('lib/app.js') },
      'nodejs',
      /by node lib\/app\.js/,
    ],
    ...['app.js', 'main.js', 'index.mjs', 'main.cjs'].map(
      (name) =>
        [name, files(name), 'nodejs', /without a package\.json: run with the default version of Node\.js/] as const,
    ),

    ['a Procfile', { Procfile: 'web: ./bin/run' }, 'procfile', /^Procfile: its commands/],
    ['a Procfile and app.js', { ...files('app.js'), Procfile: 'web: python3 server.py' }, 'procfile', /^Procfile/],
    [
      'a page and a Procfile',
      { ...page, Procfile: 'web: python3 server.py' },
      'procfile',
      /give it the line web: serve-static/,
    ],
    [
      "a Procfile for Heroku's static buildpack",
      { ...files('static.json'), Procfile: 'web: bin/boot' },
      'procfile',
      /give it the line web: serve-static/,
    ],
    ['an empty Procfile', { Procfile: '# later\n' }, 'procfile', /without a process type/],
  ];
  for (const [what, tree, builder, rule] of rows) {
    test(`${what}: ${builder}`, () => {
      const choice = choose(tree);
      assert.equal(choice?.buildpacks.join().replaceAll('paas/', '') || choice?.kind, builder);
      assert.match(choice?.reasons.join(' ') ?? '', rule);
    });
  }
});

describe('a source that no buildpack of this version runs is refused with its language', () => {
  const rows: readonly (readonly [tree: Tree, message: RegExp])[] = [
    [files('requirements.txt', 'app.py'), /^requirements\.txt: Python is not among the buildpacks/],
    [files('manage.py'), /^manage\.py: Python/],
    [files('pyproject.toml', 'src/x.py'), /^pyproject\.toml: Python/],
    [files('Gemfile', 'config.ru'), /^Gemfile: Ruby/],
    [files('go.mod', 'main.go'), /^go\.mod: Go/],
    [files('pom.xml'), /^pom\.xml: Java/],
    [files('build.gradle.kts'), /^build\.gradle\.kts: Java/],
    [files('Cargo.toml'), /^Cargo\.toml: Rust/],
    [files('composer.json', 'public/index.php'), /^composer\.json: PHP/],
    [files('index.php'), /^index\.php: PHP/],
    [files('mix.exs'), /^mix\.exs: Elixir/],
    [files('deno.json', 'main.ts'), /^deno\.json: Deno/],
    [files('bun.lock', 'index.ts'), /^bun\.lock: Bun/],
    [files('Shop.csproj', 'Program.cs'), /^Shop\.csproj: \.NET/],
    [files('config.toml', 'archetypes/default.md'), /^config\.toml: Hugo/],
    [files('docker-compose.yml'), /^docker-compose\.yml: Docker Compose/],
    [{ ...files('manage.py', 'requirements.txt'), ...pkg(built) }, /^requirements\.txt: Python/],
    [
      { ...files('requirements.txt'), Procfile: 'web: gunicorn app:app' },
      /^web would start gunicorn, which is not in the image\. requirements\.txt: Python/,
    ],
    [{ ...files('Gemfile'), Procfile: 'web: exec bundle exec puma' }, /^web would start bundle.* Gemfile: Ruby/],
    [{ ...pkg({}), Procfile: 'web: PORT=1 php -S 0.0.0.0' }, /^web would start php.* php: PHP/],
    [{ Procfile: 'web: python app.py' }, /^web would start python/],
  ];
  for (const [tree, message] of rows) {
    test(Object.keys(tree).join(', '), () => {
      assert.throws(
        () => choose(tree),
        (error) => {
          assert.ok(error instanceof PlatformError);
          assert.equal(error.code, 'no_app_detected');
          assert.match(error.message, message);
          assert.match(error.hint ?? '', /Dockerfile|package\.json/);
          return true;
        },
      );
    });
  }
});

test('a refused language has pages that its build committed: the hint says how to serve them', () => {
  assert.throws(
    () => choose(files('_config.yml', 'Gemfile', '_site/index.html')),
    (error) => error instanceof PlatformError && /static\.json: \{ "root": "_site" \}/.test(error.hint ?? ''),
  );
});

describe('a language that is left out beside another app', () => {
  const warnings = (tree: Tree) => choose(tree)?.warnings;
  test('is said once per language', () => {
    const python = 'requirements.txt is not used: Python is not among the buildpacks of this version.';
    assert.deepEqual(warnings({ ...files('requirements.txt', 'setup.py'), Procfile: 'web: python3 app.py' }), [python]);
    assert.deepEqual(warnings({ ...files('requirements.txt'), ...pkg(start) }), [python]);
  });
  test('is not said of tools that package.json uses, nor beside a Dockerfile', () => {
    assert.deepEqual(warnings({ ...files('tsconfig.json', 'bun.lock', 'docker-compose.yml'), ...pkg(start) }), []);
    assert.deepEqual(warnings(files('Dockerfile', 'requirements.txt')), []);
  });
  test('is no reason to refuse a program that the source brings itself', () => {
    for (const tree of [
      { ...files('bin/rails', 'Gemfile'), Procfile: 'web: bin/rails server' },
      { ...files('.profile.d/path.sh'), Procfile: 'web: gunicorn app:app' },
      { ...pkg({ dependencies: { bun: '1' } }), Procfile: 'web: bun index.ts' },
    ]) {
      assert.notEqual(choose(tree), null);
    }
  });
});

test('a source that is nothing known is refused with the folders that hold an app', () => {
  const hint = (...paths: readonly string[]) => nothingDetected(new Set(paths)).hint ?? '';
  assert.equal(choose(files('README.md')), null);
  assert.match(hint(), /The commit holds no files\./);
  assert.match(
    hint('README.md', 'web/package.json', 'web/index.html'),
    /package\.json in web\/\. To push that folder alone: git subtree push --prefix web paas main/,
  );
  assert.match(
    hint('api/go.mod', 'web/index.html'),
    /go\.mod in api\/, index\.html in web\/\. To push one folder alone: git subtree push --prefix api/,
  );
  assert.match(hint('apps/web/package.json'), /--prefix apps\/web /);
  assert.doesNotMatch(hint('README.md', 'a/b/c/package.json'), /subtree/);
});
