import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { commandGroups } from '../../src/cli/commands.ts';
import { withProgress } from '../../src/cli/progress.ts';
import { CliUser, Recorder } from '../support/cli.ts';
import { eventually } from '../support/eventually.ts';

let user: CliUser;

before(async () => {
  user = await CliUser.create();
});

after(() => user[Symbol.asyncDispose]());

test('paas alone shows every command', async () => {
  const { code, stdout, stderr } = await user.paas([]);
  assert.deepEqual({ code, stderr }, { code: 0, stderr: '' });
  for (const { commands } of commandGroups) {
    for (const { name, summary } of commands) assert.match(stdout, new RegExp(`\n  ${name} +${summary}\n`));
  }
  assert.equal((await user.paas(['--help'])).stdout, stdout);
  assert.equal((await user.paas(['help'])).stdout, stdout);
});

test('every command explains itself', async () => {
  for (const { name } of commandGroups.flatMap(({ commands }) => commands)) {
    const { code, stdout } = await user.paas(['help', name]);
    assert.equal(code, 0, name);
    assert.match(stdout, new RegExp(`^Usage: paas ${name} `), name);
    const short = name.startsWith('run') ? ' {2}' : ' {2}-j, ';
    assert.match(stdout, new RegExp(`\\n${short}--json +print data for programs\\n`), name);
    assert.ok(
      (await user.paas([...name.split(':'), '--help'])).stdout.startsWith(stdout.split('\n\nUsage: paas')[0] ?? ''),
      name,
    );
  }
});

test('help with a topic shows its commands', async () => {
  assert.match((await user.paas(['help', 'config'])).stdout, /Usage: paas config:COMMAND\n\nCommands\n {2}config:get /);
  assert.match((await user.paas(['git'])).stdout, /^Usage: paas git:COMMAND\n/);
  assert.equal((await user.paas(['help', 'config', 'set'])).stdout, (await user.paas(['help', 'config:set'])).stdout);
});

test('a topic of aliases lists them too, as in heroku help apps', async () => {
  const { stdout } = await user.paas(['help', 'apps']);
  for (const name of ['apps:create', 'apps:destroy', 'apps:info', 'apps:rename', 'apps:open'])
    assert.match(stdout, new RegExp(`\n  ${name} `), name);
  assert.match((await user.paas(['auth'])).stdout, /^Usage: paas auth:COMMAND\n.*\n {2}auth:whoami /s);
  assert.equal((await user.paas(['config', 'help'])).stdout, (await user.paas(['help', 'config'])).stdout);
  assert.equal((await user.paas(['help', 'help'])).stdout, (await user.paas(['help'])).stdout);
});

for (const [habit, name] of [
  ['apps:create', 'create'],
  ['apps:destroy', 'destroy'],
  ['apps:info', 'info'],
  ['apps:open', 'open'],
  ['apps:rename', 'rename'],
  ['config:add', 'config:set'],
  ['config:remove', 'config:unset'],
  ['scale', 'ps:scale'],
  ['dyno:scale', 'ps:scale'],
  ['restart', 'ps:restart'],
  ['dyno:restart', 'ps:restart'],
  ['stop', 'ps:stop'],
  ['kill', 'ps:stop'],
  ['ps:kill', 'ps:stop'],
  ['dyno:stop', 'ps:stop'],
  ['dyno:kill', 'ps:stop'],
  ['rollback', 'releases:rollback'],
  ['auth:login', 'login'],
  ['auth:logout', 'logout'],
  ['auth:whoami', 'whoami'],
] as const) {
  test(`${habit}, as in Heroku's client, is ${name}`, async () => {
    assert.match((await user.paas([habit, '--help'])).stdout, new RegExp(`^Usage: paas ${name} `));
  });
}

for (const [args, code, said] of [
  [
    ['confg'],
    127,
    ' ›   Error: confg is not a paas command.\n ›\n ›   Did you mean config?\n ›   Run paas help for a list of available commands.\n',
  ],
  [
    ['xyzzy'],
    127,
    ' ›   Error: xyzzy is not a paas command.\n ›\n ›   Run paas help for a list of available commands.\n',
  ],
  [
    ['config', 'ste'],
    127,
    ' ›   Error: config:ste is not a paas command.\n ›\n ›   Did you mean config:set?\n ›   Run paas help for a list of available commands.\n',
  ],
  [
    ['help', 'lgs'],
    127,
    ' ›   Error: lgs is not a paas command.\n ›\n ›   Did you mean logs?\n ›   Run paas help for a list of available commands.\n',
  ],
  [['ps', '--nope'], 2, " ›   Error: Unknown option '--nope'\n ›\n ›   See: paas help ps\n"],
  [
    ['logs', '-n', 'many'],
    2,
    " ›   Error: Option '-n, --num <lines>' argument 'many' is invalid. It must be a whole number from 0 to 10000.\n ›\n ›   See: paas help logs\n",
  ],
  [['rename'], 2, " ›   Error: Missing required argument 'newname'\n ›\n ›   See: paas help rename\n"],
  [['--app', 'x', 'ps'], 2, ' ›   Error: The command must come first, before --app.\n ›\n ›   See: paas help\n'],
  [
    ['apps', '--api', 'ftp://x'],
    2,
    ' ›   Error: "ftp://x" is not the address of an API.\n ›\n ›   For example: --api http://127.0.0.1:7080\n',
  ],
] as const) {
  test(`paas ${args.join(' ')} exits with ${code}`, async () => {
    assert.deepEqual(await user.paas(args), { code, stdout: '', stderr: said });
  });
}

test('version names the program, the machine and the runtime', async () => {
  const { stdout } = await user.paas(['version']);
  assert.match(stdout, /^paas\/\d+\.\d+\.\d+ \w+-\w+ node-v\d+\.\d+\.\d+\n$/);
  assert.equal((await user.paas(['--version'])).stdout, stdout);
});

test('a terminal shows a spinner until the last word, and a file gets one line', async () => {
  const terminal = new Recorder({ colourDepth: 8 });
  await withProgress({ stderr: terminal }, 'Doing', async (progress) => {
    progress.status('starting');
    await eventually('the spinner turns', () => terminal.text.includes('⣽ starting'));
    progress.end('done, v2');
  });
  assert.match(terminal.text, /^\rDoing\.\.\. ⣾/);
  assert.ok(terminal.text.endsWith('\rDoing... done, v2\x1b[K\n'));
  const file = new Recorder();
  await withProgress({ stderr: file }, 'Doing', async (progress) => progress.status('starting'));
  assert.equal(file.text, 'Doing... done\n');
});
