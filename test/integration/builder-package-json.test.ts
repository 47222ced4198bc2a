import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { BuilderFixture, ownBuildpacks } from '../support/builder-fixture.ts';

interface Reading {
  readonly exitCode: number;
  /** What the pusher reads. */
  readonly words: string;
  /** The checked fields. Null when the build ends. */
  readonly fields: Readonly<Record<string, unknown>> | null;
}

let fixture: BuilderFixture;
before(async () => {
  fixture = await BuilderFixture.open();
});
after(() => fixture[Symbol.asyncDispose]());

const libraries = ['output.sh', 'package-json.sh', 'package-json.jq'];

/** Reads each of the files as a build does, all in one container of the build stack. */
async function readAll(files: readonly (string | Buffer)[]): Promise<readonly Reading[]> {
  const contents = libraries.map((name) => readFile(join(ownBuildpacks, 'nodejs/lib', name), 'base64'));
  const program = `set -euo pipefail
    mkdir -p /tmp/lib && cd /tmp/lib
    ${(await Promise.all(contents)).map((text, at) => `base64 -d >${libraries[at]} <<<${text}`).join('\n')}
    cat >read.sh <<'END'
      set -euo pipefail
      buildpack_dir=/tmp work=$(mktemp -d)
      source /tmp/lib/output.sh
      source /tmp/lib/package-json.sh
      read_package_json
      warn_about_package_json
      jq -c . "$checked_package" >&3
END
    mkdir /tmp/app && cd /tmp/app
    for file in ${files.map((file) => `'${Buffer.from(file).toString('base64')}'`).join(' ')}; do
      base64 -d <<<"$file" >package.json
      code=0
      bash /tmp/lib/read.sh 3>/tmp/fields >/tmp/words 2>&1 || code=$?
      jq -cn --argjson exitCode $code --rawfile words /tmp/words --rawfile fields /tmp/fields \\
        '{$exitCode, $words, fields: ($fields | if . == "" then null else fromjson end)}'
    done`;
  const { stdout, stderr } = await fixture.run(fixture.stack.buildImageId, ['bash', '-c', program]);
  assert.equal(stderr, '');
  return stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Reading);
}

const values = [null, true, 0, '', 'x', [], ['x'], {}, { x: { y: 1 } }];
/** What npm 11 fails on with words of its own, or takes for other packages than meant. */
const refused: Readonly<Record<string, readonly unknown[]>> = {
  scripts: [null],
  workspaces: [null, true, 0, '', 'x', {}, { x: { y: 1 } }],
  dependencies: ['x', ['x'], { x: { y: 1 } }],
  devDependencies: ['x', ['x'], { x: { y: 1 } }],
  optionalDependencies: ['x', ['x'], { x: { y: 1 } }],
};
const fields = ['name', 'version', 'main', 'packageManager', 'engines', 'scripts', 'config', 'bin'].concat([
  'dependencies',
  'devDependencies',
  'optionalDependencies',
  'workspaces',
]);
const texts = ['name', 'version', 'main', 'packageManager'];

function isRight(field: string, value: unknown): boolean {
  if (texts.includes(field)) return value === null || typeof value === 'string' || typeof value === 'number';
  if (field === 'workspaces') return Array.isArray(value);
  if (field === 'bin') return typeof value === 'string' || (typeof value === 'object' && value !== null);
  return (
    JSON.stringify(value) === '{}' ||
    (field === 'config' && value !== null && !Array.isArray(value) && typeof value === 'object')
  );
}

test('a field of every other type is read as npm reads it, or refused by its name', async () => {
  const cases = fields.flatMap((field) => values.map((value) => ({ field, value })));
  const readings = await readAll(cases.map(({ field, value }) => JSON.stringify({ [field]: value })));
  assert.equal(readings.length, cases.length);
  for (const [at, { field, value }] of cases.entries()) {
    const { exitCode, words } = readings[at] as Reading;
    const what = JSON.stringify({ [field]: value });
    assert.doesNotMatch(words, /jq:|error|\.sh: line/, what);
    const isRefused = refused[field]?.some((one) => JSON.stringify(one) === JSON.stringify(value)) ?? false;
    assert.equal(exitCode, isRefused ? 1 : 0, `${what}: ${words}`);
    if (isRight(field, value)) assert.equal(words, '', what);
    else
      assert.match(
        words,
        new RegExp(
          `^ !     ${field}(\\.x)? in package\\.json must be an? .*, and is .*\\n !     Write it like this: "${field}": `,
        ),
        what,
      );
  }
});

test('fields of the right type are kept, numbers become texts, and others are left out', async () => {
  const [reading] = await readAll([
    JSON.stringify({
      name: '@me/shop',
      version: 1.5,
      engines: { node: 24, npm: null, vscode: '^1' },
      scripts: { start: 'node "a b.js"\n--x', build: 3 },
      dependencies: { ms: '2' },
      unknown: [1],
    }),
  ]);
  assert.deepEqual(reading?.fields, {
    name: '@me/shop',
    version: '1.5',
    engines: { node: '24', vscode: '^1' },
    scripts: { start: 'node "a b.js"\n--x' },
    dependencies: { ms: '2' },
  });
  assert.match(
    reading?.words ?? '',
    /^ ! {5}scripts\.build in package\.json must be a string, and is a number: 3\. npm ignores it/,
  );
});

describe('a package.json', () => {
  const utf16 = (text: string, mark: string) => Buffer.from(mark + text, 'utf16le');
  const big = (text: Buffer) => Buffer.from(text).swap16();
  const forms: readonly (readonly [string, string | Buffer, RegExp | null])[] = [
    ['with a byte order mark is read', '\uFEFF{"name":"a"}', null],
    ['with a field twice is read', '{"scripts":{"start":"1"},"scripts":{"start":"2"}}', null],
    ['in UTF-16 is refused', utf16('{"name":"a"}', '\uFEFF'), /is not in UTF-8 but in UTF-16/],
    ['in UTF-16 without a mark is refused', utf16('{"name":"a"}', ''), /is not in UTF-8 but in UTF-16/],
    ['in big-endian UTF-16 is refused', big(utf16('{"name":"a"}', '\uFEFF')), /is not in UTF-8 but in UTF-16/],
    ['that is empty is refused', '', /package\.json is empty/],
    ['of blanks is refused', ' \n\t', /package\.json is empty/],
    ['that is an array is refused', '[]', /must hold a JSON object, and holds: array/],
    ['that is a text is refused', '"x"', /must hold a JSON object, and holds: string/],
    ['that is a number is refused', '5', /must hold a JSON object, and holds: number/],
    ['that is null is refused', 'null', /must hold a JSON object, and holds: null/],
    ['of two objects is refused', '{}\n{}', /must hold one JSON object, and holds several/],
    ['with a comment is refused', '{\n  // why\n  "name": "a"\n}', /not valid JSON \(line .*no comments/s],
    ['with a comma at the end is refused', '{\n  "name": "a",\n}\n', /not valid JSON \(line 3.*no comma before/s],
    ['with single quotes is refused', "{'name': 'a'}", /not valid JSON.*double quotes/s],
    [
      'with a merge conflict is refused',
      '{\n<<<<<<< HEAD\n"a":1\n=======\n"b":2\n>>>>>>> x\n}',
      /marks of a merge conflict/,
    ],
    [
      'with a NUL in a script is refused',
      JSON.stringify({ scripts: { start: 'a\0b' } }),
      /"scripts\.start" in package\.json holds a NUL/,
    ],
    [
      'with a NUL in the name of a package is refused',
      JSON.stringify({ devDependencies: { 'a\0b': '1' } }),
      /"devDependencies\.a\\u0000b" in package\.json holds a NUL/,
    ],
    ['that ends too early is refused', '{"name": "a"', /not valid JSON.*Find the place with/s],
  ];
  let readings: readonly Reading[];
  before(async () => {
    readings = await readAll(forms.map(([, file]) => file));
  });
  for (const [at, [what, , words]] of forms.entries()) {
    test(what, () => {
      const reading = readings[at];
      assert.equal(reading?.exitCode, words === null ? 0 : 1, reading?.words);
      assert.match(reading?.words ?? '', words ?? /^$/);
      assert.doesNotMatch(reading?.words ?? '', /jq:|parse error|\.sh: line/);
    });
  }
});
