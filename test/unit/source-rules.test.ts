import assert from 'node:assert/strict';
import { test } from 'node:test';
import { importsOf, repositoryFiles, type SourceFile, withoutComments } from '../support/source-files.ts';

const files = repositoryFiles();
const sources = files.filter(({ path }) => /^src\/.*\.(ts|tsx|cjs)$/.test(path));
/** Files that run before the packages exist, or on a Node that is too old for the rest. */
const shims: ReadonlySet<string> = new Set(['src/bootstrap.cjs', 'src/cli/paas.cjs']);

/** The files that own a kind of process. All other programs run in containers. */
const processOwners: ReadonlySet<string> = new Set([
  'src/bootstrap.cjs', // npm, and the Node that goes on
  'src/builder/stack/apt-download.ts', // apt-get, dpkg-deb
  'src/builder/stack/debian-tools.ts', // mmdebstrap, apt-config
  'src/cli/browser.ts', // the user's browser
  'src/cli/git.ts', // the user's git
  'src/cli/local-command.ts', // the launcher's program for this machine
  'src/host/run-counter.ts', // du, find
  'src/host/du.ts', // du
  'src/host/iptables.ts', // iptables
  'src/host/step-ports.ts', // ip, nsenter
  'src/git-receive/git-process.ts', // git that serves
  'src/launcher/host-command.ts', // apt-get, systemctl, service, dockerd
  'src/launcher/run-set-up.ts', // the set-up
  'src/launcher/program.ts', // the platform's own programs
  'src/system/program-link.ts', // the passer of the public socket
]);

type Text = Pick<SourceFile, 'path' | 'text'>;

const shellUse = /(^|[^.\w])exec(Sync)?\(|\bshell:/;
const shellName = /(['"`])(\/[\w/]*)?(ba|da|z|k|a)?sh\1/;
const environmentUse = /process\.env\b/;
/** An import of more than types, possibly over several lines. */
const nodeHttpValue = /^import (?!type ).*'node:http'|^} from 'node:http'/;
const archiveUse = /\b(put|get)Archive\b/i;

function offenders(within: readonly Text[], pattern: RegExp): readonly string[] {
  return within.flatMap(({ path, text }) => {
    const lines = withoutComments(text).split('\n');
    return lines.flatMap((line) => (pattern.test(line) ? [`${path}: ${line.trim()}`] : []));
  });
}

test('the rules find the code that they forbid', () => {
  const written = (text: string): readonly Text[] => [{ path: 'src/x.ts', text }];
  assert.equal(offenders(written("exec('ls');\nconst a = /x/.exec(text);"), shellUse).length, 1);
  assert.equal(offenders(written('spawn(a, b, { shell: true });\n// shell: true'), shellUse).length, 1);
  assert.equal(offenders(written("spawn('/bin/sh', ['-c', x]);\nspawn('bash');\nspawn('ssh');"), shellName).length, 2);
  assert.equal(offenders(written("const home = process.env.HOME ?? 'process';"), environmentUse).length, 1);
  assert.equal(
    offenders(written("import type { A } from 'node:http';\nimport { b } from 'node:http';"), nodeHttpValue).length,
    1,
  );
  assert.equal(offenders(written('await engine.putArchive(tar);'), archiveUse).length, 1);
});

test('only the files that own a kind of process start processes', () => {
  const users = sources.filter((file) =>
    importsOf(file).some(({ specifier }) => /^(node:)?child_process$/.test(specifier)),
  );
  assert.deepEqual(
    users.map(({ path }) => path).filter((path) => !processOwners.has(path)),
    [],
  );
});

test('no shell is started, and no command line is a single string', () => {
  assert.deepEqual(offenders(sources, shellUse), []);
  const imported = sources.flatMap(importsOf).filter(({ specifier }) => /^(node:)?child_process$/.test(specifier));
  assert.deepEqual(
    imported.filter(({ names }) => /\bexec(Sync)?\b|\*/.test(names)).map(({ file }) => file),
    [],
  );
});

test('a shell is named only for commands in a container', () => {
  const inContainers = /^src\/(builder\/(cnb|dockerfile|jail|stack)\/|supervisor\/container-spec\.ts)/;
  const owners = sources.filter(({ path }) => processOwners.has(path) || !inContainers.test(path));
  assert.deepEqual(offenders(owners, shellName), []);
});

test('deadlines in tests are scaled to the speed of the machine', () => {
  const tests = files.filter(
    ({ path }) => /^test\/(?!bench\/).*\.ts$/.test(path) && !path.endsWith('source-rules.test.ts'),
  );
  assert.deepEqual(offenders(tests, /AbortSignal\.timeout\(\d|\btimeout: (\d+ \* |\d\d+_)\d/), []);
});

test('the environment is read in one file', () => {
  // The sample app is text that is written for the user.
  const allowed = new Set(['src/config/environment.ts', 'src/cli/sample-app.ts', ...shims]);
  assert.deepEqual(
    offenders(
      sources.filter(({ path }) => !allowed.has(path)),
      environmentUse,
    ),
    [],
  );
});

test("node:http is loaded without Node's fetch client", () => {
  const wrong = sources.filter(({ path }) => path !== 'src/system/node-http.ts');
  assert.deepEqual(offenders(wrong, nodeHttpValue), []);
});

test('no archive is copied into or out of a container with foreign files', () => {
  assert.deepEqual(offenders(sources, archiveUse), []);
});

test('no source file is longer than 400 lines', () => {
  const long = sources.filter(({ text }) => text.split('\n').length > 401);
  assert.deepEqual(
    long.map(({ path }) => path),
    [],
  );
});

test('no file name is a vague word', () => {
  const vague = /(^|[-/])(utils?|helpers?|managers?|handlers?|misc|common|items?)(\.|\/|-)/;
  assert.deepEqual(
    sources.map(({ path }) => path).filter((path) => vague.test(path)),
    [],
  );
});

test("no comment turns the compiler's checks off", () => {
  const silencer = new RegExp(`@ts-(${['ignore', 'nocheck'].join('|')})`);
  const silenced = files.filter(({ path, text }) => /^(src|test)\/.*\.ts$/.test(path) && silencer.test(text));
  assert.deepEqual(
    silenced.map(({ path }) => path),
    [],
  );
});

test('nothing in the repository names a registry', () => {
  // Written in parts, so that this file does not name one either.
  const hosts = [
    ['registry', 'npmjs', 'org'],
    ['registry', 'yarnpkg', 'com'],
    ['pypi', 'org'],
    ['pythonhosted', 'org'],
    ['proxy', 'golang', 'org'],
    ['sum', 'golang', 'org'],
    ['crates', 'io'],
    ['repo1', 'maven', 'org'],
    ['ghcr', 'io'],
    ['quay', 'io'],
    ['rubygems', 'org'],
    ['packagist', 'org'],
    ['deb', 'debian', 'org'],
  ].map((parts) => parts.join('.'));
  // A Debian system needs Debian's address: in the stacks' sources.list, and in its test.
  const allowed = /^(src\/builder\/stack\/|test\/(unit|integration)\/stack)/;
  const named = files
    .filter(({ path }) => !allowed.test(path))
    .flatMap(({ path, text }) => hosts.flatMap((host) => (text.includes(host) ? [`${path} names ${host}`] : [])));
  assert.deepEqual(named, []);
});

test('nothing in the repository names a path of the machine it was written on', () => {
  const own = new RegExp(`(^|[^\\w./-])/(${['wo', 'rk'].join('')}|${['tmp', 'w'].join('/')})(/|\\b(?![\\w-]))`);
  const named = files.flatMap(({ path, text }) => (own.test(text) ? [path] : []));
  assert.deepEqual(named, []);
});
