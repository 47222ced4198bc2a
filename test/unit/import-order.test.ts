import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Import, importsOf, repositoryFiles } from '../support/source-files.ts';

/**
 * DESIGN §4, from the bottom up. A room may import only from lines before its own; rooms of one line never import each
 * other. The shims beside the rooms belong to none.
 */
const lines: readonly (readonly string[])[] = [
  ['domain'],
  ['system'],
  ['config'],
  ['store', 'engine', 'host'],
  ['reporting', 'images'],
  ['builder', 'services', 'cluster', 'resolver', 'routing'],
  ['provisioner', 'supervisor'],
  ['operations'],
  ['git-receive', 'api', 'dashboard'],
  ['orchestrator', 'launcher'],
];

const shims: ReadonlySet<string> = new Set(['src/bootstrap.cjs']);

/** The client talks HTTP. It may import the domain, the contract, and small modules that load no package. */
const clientMayImport =
  /^src\/(cli\/|domain\/|api\/contract(\.ts$|\/)|config\/(credentials|environment)\.ts$|system\/(did-you-mean|flushed|node-http|version)\.ts$)/;

function roomOf(path: string): string {
  return path.split('/')[1] ?? '';
}

function lineOf(room: string): number {
  return lines.findIndex((line) => line.includes(room));
}

const sources = repositoryFiles().filter(({ path }) => /^src\/.*\.(ts|tsx|cjs)$/.test(path));
const imports = sources.flatMap(importsOf);
const inner = imports.flatMap((one) => (one.target === null ? [] : [{ ...one, target: one.target }]));

test('the test finds the imports that it checks', () => {
  assert.ok(sources.length > 50, `only ${sources.length} source files`);
  assert.ok(inner.some(({ file, target }) => file.startsWith('src/store/') && target.startsWith('src/domain/')));
  const written = `import type { A } from './a.ts';\nimport {\n  b,\n} from "../b.ts";\nexport * from './c.ts';\nconst d = await import('./d.ts');\nimport './e.ts';\n// import './no.ts'\n`;
  const found = importsOf({ path: 'src/x/y.ts', text: written }).map(({ target }) => target);
  assert.deepEqual(found, ['src/x/a.ts', 'src/b.ts', 'src/x/c.ts', 'src/x/d.ts', 'src/x/e.ts']);
});

test('every file below src has its place in the order', () => {
  const lost = sources
    .map(({ path }) => path)
    .filter((path) => {
      const room = roomOf(path);
      return room !== 'cli' && lineOf(room) === -1 && !shims.has(path);
    });
  assert.deepEqual(lost, []);
});

test('a room imports only from the lines below it', () => {
  const wrong = inner.filter(({ file, target }) => {
    if (roomOf(file) === 'cli' || shims.has(file) || roomOf(file) === roomOf(target)) return false;
    return roomOf(target) === 'cli' || lineOf(roomOf(target)) >= lineOf(roomOf(file));
  });
  assert.deepEqual(wrong.map(show), []);
});

test('there are no import cycles, not even of types', () => {
  const targets = Map.groupBy(inner, ({ file }) => file);
  /** A cycle back to the start, if there is one: depth first, each file once. */
  const circleFrom = (start: string): readonly string[] | null => {
    const seen = new Set<string>();
    const walk = (file: string, way: readonly string[]): readonly string[] | null => {
      for (const { target } of targets.get(file) ?? []) {
        if (target === start) return [...way, file, target];
        if (seen.has(target)) continue;
        seen.add(target);
        const circle = walk(target, [...way, file]);
        if (circle) return circle;
      }
      return null;
    };
    return walk(start, []);
  };
  const circles = sources.map(({ path }) => circleFrom(path)).filter((circle) => circle !== null);
  assert.deepEqual(
    circles.map((circle) => circle.join(' -> ')),
    [],
  );
});

test('the client imports only the domain, the contract and itself', () => {
  const wrong = inner.filter(
    ({ file, target }) => roomOf(file) === 'cli' && !clientMayImport.test(target) && !shims.has(target),
  );
  assert.deepEqual(wrong.map(show), []);
});

test('no import leaves src', () => {
  // Outside src the platform imports only package.json, for its version.
  const wrong = inner.filter(({ target }) => !target.startsWith('src/') && target !== 'package.json');
  assert.deepEqual(wrong.map(show), []);
});

/** The only users of a package, by the beginning of the importing file's path. */
const owners: readonly (readonly [specifier: RegExp, owner: RegExp])[] = [
  [/^(dockerode|docker-modem)(\/|$)/, /^src\/engine\//],
  [/^(kysely|better-sqlite3)(\/|$)|^node:sqlite$/, /^src\/store\//],
  [/^fastify(\/|$)|^@fastify\//, /^src\/(api|dashboard|git-receive|orchestrator)\//],
  [/^(commander|simple-git|dotenv)(\/|$)/, /^src\/cli\//],
  [/^smol-toml$/, /^src\/(config|builder)\//],
];

test('a package is used only by the room that owns it', () => {
  const wrong = imports.filter(({ file, specifier }) =>
    owners.some(([pattern, owner]) => pattern.test(specifier) && !owner.test(file)),
  );
  assert.deepEqual(wrong.map(show), []);
});

test('the domain uses no package but zod', () => {
  const wrong = imports.filter(
    ({ file, specifier }) => file.startsWith('src/domain/') && !/^(\.|node:|zod$)/.test(specifier),
  );
  assert.deepEqual(wrong.map(show), []);
});

/** All that is loaded with a file before its first line runs. */
function loadedWith(entry: string): readonly Import[] {
  const files = new Set([entry]);
  const loaded: Import[] = [];
  for (const file of files) {
    for (const one of imports) {
      if (one.file !== file || one.isTypeOnly || one.isDynamic) continue;
      loaded.push(one);
      if (one.target !== null) files.add(one.target);
    }
  }
  return loaded;
}

test('the launcher, which runs as long as the platform, loads no package and nothing of the set-up', () => {
  const loaded = loadedWith('src/launcher/main.ts');
  assert.ok(loaded.some(({ target }) => target === 'src/launcher/program.ts'));
  const heavy = loaded.filter(
    ({ specifier, target }) => !/^(\.|node:)/.test(specifier) || target === 'src/config/settings.ts',
  );
  assert.deepEqual(heavy.map(show), []);
});

function show({ file, specifier }: { readonly file: string; readonly specifier: string }): string {
  return `${file} imports ${specifier}`;
}
