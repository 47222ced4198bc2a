import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { commandGroups } from '../../src/cli/commands.ts';
import { type ApiFixture, startApi } from '../support/api.ts';
import { CliUser } from '../support/cli.ts';
import { deadPort } from '../support/resolver.ts';

let api: ApiFixture;
let user: CliUser;

before(async () => {
  // Not the default port, where a platform of this machine may run.
  api = await startApi({}, { http_port: String(await deadPort()) });
  api.operations.attach = async () => {
    const child = spawn('echo', ['said'], { stdio: ['pipe', 'pipe', 'pipe'] });
    const exited = new Promise<number>((resolve) => child.once('close', (code) => resolve(code ?? 1)));
    const { stdin, stdout, stderr } = child;
    return { stdin, stdout, stderr, resize: async () => {}, exited };
  };
  user = await CliUser.create();
  user.logIn(api.url, api.owner.token);
  const shop = await api.newApp('shop');
  await api.deploy(shop);
  const line = { at: new Date(), source: 'app', process: 'web.1', release: 1, text: 'hello' } as const;
  api.appLog.write(shop.id, line);
  const spare = {
    prefix: 'pp_spare0',
    sha256: 'f'.repeat(64),
    description: '',
    scope: 'read',
    expiresAt: null,
  } as const;
  await api.store.tokens.create({ accountId: api.owner.actor.accountId, ...spare });
  await api.newApp('doomed');
  await user.git(await user.repository(), 'status');
  await writeFile(join(user.home, 'repo/.env'), 'A=2\n');
});

after(async () => {
  await user[Symbol.asyncDispose]();
  await api[Symbol.asyncDispose]();
});

/** In an order in which each command has what it needs. Left out: demo, and commands that would stop the machine's platform. */
const typed: readonly (readonly [name: string, ...args: readonly string[]])[] = [
  ['apps'],
  ['info'],
  ['create', 'another', '-n'],
  ['git:remote'],
  ['cache:purge'],
  ['maintenance'],
  ['maintenance:on'],
  ['maintenance:off'],
  ['config:set', 'A=1'],
  ['config'],
  ['config:get', 'A'],
  ['config:import', '.env'],
  ['config:unset', 'A'],
  ['ps'],
  ['ps:scale', 'web=1'],
  ['ps:scale'],
  ['ps:restart'],
  ['ps:stop', 'worker'],
  ['run', 'true'],
  ['run:detached', 'true'],
  ['releases'],
  ['releases:info'],
  ['releases:rollback'],
  ['domains:add', 'www.example.com'],
  ['domains'],
  ['domains:remove', 'www.example.com'],
  ['networks:allow', '10.0.5.0/24'],
  ['networks'],
  ['networks:deny', '10.0.5.0/24'],
  ['logs', '-n', '1'],
  ['open'],
  ['rename', 'boutique'],
  ['destroy', 'doomed', '--confirm', 'doomed'],
  ['names:allow', 'status'],
  ['names'],
  ['names:disallow', 'status'],
  ['names:release', 'doomed'],
  ['whoami'],
  ['auth:token'],
  ['tokens:create'],
  ['tokens'],
  ['tokens:revoke', 'pp_spare0'],
  ['version'],
  ['doctor'],
  ['login'],
  ['logout'],
];
const elsewhere = [
  'demo',
  'platform:backup',
  'platform:backups',
  'platform:restore',
  'platform:stop',
  'platform:uninstall',
  'stack:rebuild',
];

test('with --json every command prints one JSON document and nothing else, even when it changes something', async (t) => {
  for (const [name, ...args] of typed) {
    await t.test(name, async () => {
      const needsNoApp = [
        'names',
        'names:allow',
        'names:disallow',
        'names:release',
        'apps',
        'create',
        'destroy',
        'whoami',
        'auth:token',
        'tokens',
        'tokens:create',
        'tokens:revoke',
        'version',
        'doctor',
        'login',
        'logout',
      ].includes(name);
      const { code, stdout, stderr } = await user.paas(
        [name, ...args, '--json', ...(needsNoApp ? [] : ['-a', 'shop'])],
        {
          cwd: join(user.home, 'repo'),
          input: name === 'login' ? api.owner.token : '',
        },
      );
      // No resolver runs here, so doctor reports a failed check.
      assert.equal(code, name === 'doctor' ? 1 : 0, stderr);
      assert.equal(typeof JSON.parse(stdout), 'object', stdout);
    });
  }
});

test('the test above leaves out no command without a reason', () => {
  const all = commandGroups.flatMap(({ commands }) => commands.map(({ name }) => name));
  assert.deepEqual(new Set([...typed.map(([name]) => name), ...elsewhere]), new Set(all));
});
