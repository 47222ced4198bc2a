import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import { type ApiFixture, startApi } from '../support/api.ts';
import { CliUser } from '../support/cli.ts';

let api: ApiFixture;
let user: CliUser;
let app: string;
let count = 0;

before(async () => {
  api = await startApi();
  user = await CliUser.create();
  user.logIn(api.url, api.owner.token);
});

after(async () => {
  await user[Symbol.asyncDispose]();
  await api[Symbol.asyncDispose]();
});

beforeEach(async () => {
  app = `app${++count}`;
  await api.newApp(app);
});

const paas = (...args: readonly string[]) => user.paas([...args, '-a', app]);

const awkward: Readonly<Record<string, string>> = {
  JSON_VALUE: '{"a": [1, "two"], "b": null}',
  PEM: '-----BEGIN KEY-----\nabc+/=\n-----END KEY-----\n',
  QUOTES: `it's "quoted" \`here\``,
  DOLLAR: '$HOME ${PATH} $(id) \\n',
  EQUALS: 'postgres://u:p=w@h/db?a=b&c=d',
  UNICODE: 'Grüße 你好 🚀',
  SPACES: '  leading and trailing  ',
  EMPTY: '',
  HASH: 'a # b',
  LARGE: 'x'.repeat(64 * 1024),
};

const assignments = Object.entries(awkward).map(([name, value]) => `${name}=${value}`);

test('config:set prints its progress on stderr and the new values on stdout', async () => {
  assert.deepEqual(await paas('config:set', 'B=2', 'A=1'), {
    code: 0,
    stderr: `Setting B, A and restarting ${app}... done, v2\n`,
    stdout: 'B: 2\nA: 1\n',
  });
  assert.deepEqual(await paas('config:unset', 'A'), {
    code: 0,
    stderr: `Unsetting A and restarting ${app}... done, v3\n`,
    stdout: '',
  });
  assert.equal((await paas('config')).stdout, `=== ${app} Config Vars\n\nB: 2\n`);
});

test('config lists the vars sorted and aligned, or says that there are none', async () => {
  assert.equal((await paas('config')).stdout, `${app} has no config vars.\n`);
  await paas('config:set', 'LONGER=b', 'A=a');
  assert.equal((await paas('config')).stdout, `=== ${app} Config Vars\n\nA:      a\nLONGER: b\n`);
});

test('every value comes back byte for byte', async () => {
  await paas('config:set', ...assignments);
  assert.deepEqual(JSON.parse((await paas('config', '--json')).stdout), awkward);
  for (const [name, value] of Object.entries(awkward)) {
    assert.equal((await paas('config:get', name)).stdout, `${value}\n`, name);
  }
});

test('a shell that evaluates config --shell gets the values byte for byte', async () => {
  await paas('config:set', ...assignments);
  for (const args of [
    ['config', '--shell'],
    ['config:get', '-s', ...Object.keys(awkward)],
  ]) {
    const { stdout } = await paas(...args);
    const names = Object.keys(awkward);
    const script = `${stdout}\n${names.map((name) => `printf '%s\\0' "$${name}"`).join('\n')}`;
    const values = execFileSync('bash', { input: script, encoding: 'utf8' }).split('\0');
    assert.deepEqual(Object.fromEntries(names.map((name, i) => [name, values[i]])), awkward);
  }
});

test('config:get prints an empty line for a var that is not set, or null as JSON', async () => {
  await paas('config:set', 'A=1');
  assert.equal((await paas('config:get', 'A', 'NOPE')).stdout, '1\n\n');
  assert.deepEqual(JSON.parse((await paas('config:get', 'A', 'NOPE', '--json')).stdout), { A: '1', NOPE: null });
  assert.equal((await paas('config:get', '-s', 'A')).stdout, "A='1'\n");
});

test('a value cannot control the terminal', async () => {
  await paas('config:set', 'A=x\x1b]0;owned\x07y');
  const terminal = { colourDepth: 1 };
  assert.equal((await user.paas(['config:get', 'A', '-a', app], { terminal })).stdout, 'xy\n');
  assert.match((await user.paas(['config', '-a', app], { terminal })).stdout, /A: xy\n$/);
  assert.equal((await paas('config:get', 'A')).stdout, 'x\x1b]0;owned\x07y\n', 'a program gets the bytes');
});

test('config:import sets the vars of a .env file', async () => {
  const file = join(user.home, 'sample.env');
  await writeFile(
    file,
    `# comment
PLAIN=value # not this
export QUOTED="line one\\nline two"
SINGLE='$not {expanded} # kept'
MULTI="-----BEGIN
END-----"
EMPTY=
`,
  );
  const { code, stdout, stderr } = await paas('config:import', file);
  assert.equal(code, 0, stderr);
  assert.equal(stdout, 'PLAIN\nQUOTED\nSINGLE\nMULTI\nEMPTY\n', 'names, and no value');
  assert.match(stderr, /^Setting PLAIN, QUOTED, SINGLE, MULTI, EMPTY and restarting app\d+\.\.\. done, v2\n$/);
  assert.deepEqual(JSON.parse((await paas('config', '--json')).stdout), {
    PLAIN: 'value',
    QUOTED: 'line one\nline two',
    SINGLE: '$not {expanded} # kept',
    MULTI: '-----BEGIN\nEND-----',
    EMPTY: '',
  });
});

test('config:import keeps a # that no blank precedes, and says where dotenv reads another value', async () => {
  const input = "PW=p@ss#word1\nCOLOR=#ff0000 # red\nPLAIN='p@ss#word1'\n";
  const { code, stderr } = await user.paas(['config:import', '-', '-a', app], { input });
  assert.equal(code, 0, stderr);
  const all = { PW: 'p@ss#word1', COLOR: '#ff0000', PLAIN: 'p@ss#word1' };
  assert.deepEqual(JSON.parse((await paas('config', '--json')).stdout), all);
  assert.match(stderr, /^ › {3}Warning: The package dotenv reads other values of PW, COLOR from this file\./);
  assert.doesNotMatch(stderr, /PLAIN from/);
});

test('config:import refuses a file with lines that it cannot read, names all of them and sets nothing', async () => {
  const input = Buffer.from('A=1\nthe password\nB="open\nC=2\n');
  assert.deepEqual(await user.paas(['config:import', '-', '-a', app], { input }), {
    code: 2,
    stdout: '',
    stderr: ` ›   Error: 2 lines of standard input cannot be read, so nothing was set.
 ›   Line 2 has no =.
 ›   Line 3 opens a quote " that is never closed.
 ›
 ›   See what a line may be: paas help config:import
`,
  });
  await writeFile(join(user.home, 'latin1.env'), Buffer.from('A=1\nB=\xe9\n', 'latin1'));
  assert.match((await paas('config:import', join(user.home, 'latin1.env'))).stderr, /Line 2 is not UTF-8 text\.\n/);
  assert.equal((await paas('config', '--json')).stdout, '{}\n');
  await writeFile(join(user.home, 'many.env'), 'x\n'.repeat(30));
  assert.match((await paas('config:import', join(user.home, 'many.env'))).stderr, /Line 20 has no =\.\n.*And 10 more/);
});

test('config:import says what is wrong with a JSON document, and shows no value', async () => {
  const refused = async (input: string) => {
    const { code, stderr } = await user.paas(['config:import', '-', '-a', app], { input });
    assert.equal(code, 2, input);
    assert.doesNotMatch(stderr, /secret/, input);
    assert.match(stderr, /\n › {3}A JSON file must be as paas config --json prints it: \{"NAME": "value"\}\n$/, input);
    return stderr.split('\n')[0] ?? '';
  };
  assert.match(
    await refused('{"A": secret}'),
    /standard input is not valid JSON, so nothing was set: Unexpected token/,
  );
  assert.match(await refused('{"A": "secret", oops}'), /not valid JSON, so nothing was set: .*line 1 column 17/);
  assert.match(await refused('["secret"]'), /standard input is JSON, but not an object of names and values\./);
  assert.match(await refused('"secret"'), /standard input is JSON, but not an object of names and values\./);
  assert.match(await refused('{"A": "secret", "port": 80}'), /port in standard input is not a string\./);
  assert.equal((await paas('config', '--json')).stdout, '{}\n');
});

test('config:import sets references to other vars as text, and says so', async () => {
  const input = 'NAME=Shop\nMAIL_FROM="${NAME}"\nPW=pa$$word$1\nTEXT=\'${NAME}\'\n';
  const { code, stderr } = await user.paas(['config:import', '-', '-a', app], { input });
  assert.equal(code, 0);
  assert.match(
    stderr,
    /^ › {3}Warning: References such as \$\{NAME\} are not expanded: they stay as text in MAIL_FROM\. .*\nSetting /,
  );
  assert.equal((await paas('config:get', 'MAIL_FROM')).stdout, '${NAME}\n');
});

test('config:import takes the last of several values of a name, and says so', async () => {
  const { code, stderr } = await user.paas(['config:import', '-', '-a', app], { input: 'A=1\nB=2\nA=3\n' });
  assert.equal(code, 0);
  assert.match(stderr, /Warning: A is set on lines 1, 3 of standard input\. The last value counts\.\n/);
  assert.deepEqual(JSON.parse((await paas('config', '--json')).stdout), { A: '3', B: '2' });
});

test('config can be copied from app to app through a pipe, byte for byte', async () => {
  await paas('config:set', ...assignments);
  const { stdout: input } = await paas('config', '--json');
  const copy = await api.newApp(`copy${count}`);
  assert.equal((await user.paas(['config:import', '-', '-a', copy.name], { input })).code, 0);
  assert.deepEqual(JSON.parse((await user.paas(['config', '--json', '-a', copy.name])).stdout), awkward);
  const another = await api.newApp(`other${count}`);
  const { stdout: lines } = await paas('config', '--shell');
  assert.equal((await user.paas(['config:import', '-', '-a', another.name], { input: lines })).code, 0);
  assert.deepEqual(JSON.parse((await user.paas(['config', '--json', '-a', another.name])).stdout), awkward);
});

test('config:set without an assignment says how to use it', async () => {
  assert.deepEqual(await paas('config:set'), {
    code: 2,
    stdout: '',
    stderr:
      ' ›   Error: Usage: paas config:set KEY1=VALUE1 [KEY2=VALUE2 ...]\n ›   Must specify KEY and VALUE to set.\n',
  });
  assert.deepEqual(await paas('config:set', 'WRONG'), {
    code: 2,
    stdout: '',
    stderr: ' ›   Error: WRONG is invalid. Must be in the format FOO=bar.\n',
  });
});

test('an error of the platform is shown with its message and its id', async () => {
  const { code, stderr } = await paas('config:set', '1A=x');
  assert.equal(code, 2);
  assert.match(stderr, /^Setting 1A and restarting app\d+\.\.\. !\n › {3}Error: "1A" is not a config var name/);
  assert.match(stderr, /\n ›\n › {3}Error ID: invalid_params\n$/);
});

test('a missing file and a file without vars have different errors', async () => {
  const missing = await paas('config:import', 'nope.env');
  assert.equal(missing.code, 1);
  assert.match(missing.stderr, /nope\.env cannot be read: there is no such file\.\n/);
  assert.match((await paas('config:import', user.home)).stderr, /cannot be read: it is a folder\.\n/);
  await writeFile(join(user.home, 'empty.env'), '# nothing\n');
  const empty = await paas('config:import', join(user.home, 'empty.env'));
  assert.equal(empty.code, 2);
  assert.match(empty.stderr, /sets no variable/);
});

test('setting a var that the platform sets for every process gives a warning', async () => {
  const { stderr } = await paas('config:set', 'DYNO=x', 'PAAS_APP=y', 'Z=1');
  assert.match(stderr, /Warning: The platform sets DYNO for every process/);
  assert.match(stderr, /Warning: The platform sets PAAS_APP for every process/);
  const unset = await paas('config:unset', 'DYNO', 'PAAS_APP', 'Z');
  assert.doesNotMatch(unset.stderr, /Warning/);
});

test('setting a var that does not reach every process, or changes more than the process, gives a warning', async () => {
  const names = ['HOME', 'PWD', 'SHLVL', 'PATH', 'TERM', 'PS1', 'RANDOM', 'BASH_ENV', 'PAAS_TOKEN', 'CNB_STACK_ID'];
  const { stderr } = await paas('config:set', ...names.map((name) => `${name}=/x`), 'NODE_ENV=test', 'LD_PRELOAD=');
  assert.match(
    stderr,
    /Warning: The platform sets HOME to \/app for the processes of an app that a buildpack builds\./,
  );
  for (const name of names) assert.match(stderr, new RegExp(`Warning: .*\\b${name}\\b`), name);
  assert.doesNotMatch(stderr, /Warning: .*(NODE_ENV|LD_PRELOAD)/);
  const imported = await user.paas(['config:import', '-', '-a', app], { input: 'HOME=/home/me\n' });
  assert.match(imported.stderr, /Warning: The platform sets HOME to \/app/);
  assert.doesNotMatch((await paas('config:unset', ...names)).stderr, /Warning/);
});

test('setting PORT gives a warning that the platform sets it', async () => {
  const { code, stderr } = await paas('config:set', 'PORT=80');
  assert.equal(code, 0);
  assert.match(stderr, /Warning: The platform sets PORT for web processes\. They do not see this value\.\n/);
});
