import assert from 'node:assert/strict';
import { lstatSync, mkdtempSync, readFileSync, readlinkSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { credentialsPath, findCredential, saveCredential } from '../../src/config/credentials.ts';
import { paths, readSettings } from '../../src/config/settings.ts';
import { hashToken, isToken, mintToken } from '../../src/domain/token.ts';
import { apiUrl } from '../../src/launcher/addresses.ts';
import { readyMessage } from '../../src/launcher/ready-message.ts';
import { setUp } from '../../src/launcher/set-up.ts';
import { accountStep } from '../../src/launcher/steps/account.ts';
import { commandLinkStep, commandPath, removeCommandLink } from '../../src/launcher/steps/command-link.ts';
import { storeStep } from '../../src/launcher/steps/store.ts';
import { ownsLogin } from '../../src/launcher/stop.ts';
import type { Announcer } from '../../src/launcher/terminal.ts';
import { platformId } from '../../src/store/platform-id.ts';
import { openStore } from '../../src/store/store.ts';
import { isRoot } from '../../src/system/privileges.ts';

const root = mkdtempSync(join(tmpdir(), 'paas-set-up-'));
after(() => rmSync(root, { recursive: true, force: true }));
const never = new AbortController().signal;

function listener(): Announcer & { readonly steps: string[] } {
  const steps: string[] = [];
  return { steps, step: (text) => steps.push(text), detail: () => undefined, print: () => undefined };
}

/** A user with their own PAAS_HOME. */
function somebody() {
  const user = mkdtempSync(join(root, 'user-'));
  const settings = readSettings({ PAAS_HOME: join(user, 'home'), HOME: user });
  return {
    env: { HOME: user },
    settings,
    store: () => openStore({ path: paths(settings.home).state, keysDir: paths(settings.home).keys }),
  };
}

test('the first start creates the store and its key, readable by their owner only, and the second start finds them', async () => {
  const { settings, store } = somebody();
  const announcer = listener();
  assert.equal(await setUp([storeStep(settings)], announcer, never), 1);
  const { keys, state } = paths(settings.home);
  for (const [path, mode] of [
    [keys, 0o700],
    [join(keys, 'root.key'), 0o600],
    [state, 0o600],
  ] as const) {
    assert.equal(lstatSync(path).mode & 0o777, mode, path);
  }
  assert.equal(await setUp([storeStep(settings)], announcer, never), 0);
  assert.equal(announcer.steps.length, 1);
  await using opened = await disposable(store());
  assert.equal(await platformId(opened.store), await platformId(opened.store));
});

test('the user of the first start gets an account, and a token that paas and git find', async () => {
  const { env, settings, store } = somebody();
  await using opened = await disposable(store());
  const announcer = listener();
  await setUp([accountStep(opened.store, settings, env)], announcer, never);
  const credential = findCredential(env, apiUrl(settings));
  assert.ok(credential && isToken(credential.token));
  const [account] = await opened.store.accounts.list();
  assert.equal(account?.email, credential.email);
  assert.equal((await opened.store.tokens.findBySha256(hashToken(credential.token)))?.accountId, account?.id);
  const kinds = (await opened.store.events.list({ limit: 10 })).map(({ kind }) => kind);
  assert.deepEqual(kinds.sort(), ['account.created', 'token.created']);
  assert.ok(!readFileSync(paths(settings.home).state).includes(credential.token), 'the store holds no token');
  assert.equal(await setUp([accountStep(opened.store, settings, env)], announcer, never), 0);
});

test('a lost token file, or one of a removed platform, is created again for the same account', async () => {
  const { env, settings, store } = somebody();
  await using opened = await disposable(store());
  await setUp([accountStep(opened.store, settings, env)], listener(), never);
  const first = findCredential(env, apiUrl(settings));
  rmSync(credentialsPath(env));
  await setUp([accountStep(opened.store, settings, env)], listener(), never);
  const second = findCredential(env, apiUrl(settings));
  assert.equal(second?.email, first?.email);
  assert.notEqual(second?.token, first?.token);

  const anew = { ...settings, home: join(root, 'anew') };
  await using other = await disposable(openStore({ path: paths(anew.home).state, keysDir: paths(anew.home).keys }));
  await setUp([accountStep(other.store, anew, env)], listener(), never);
  assert.notEqual(findCredential(env, apiUrl(settings))?.token, second?.token);
});

test('a saved login belongs to a platform only if its store knows the token', async () => {
  const { env, settings, store } = somebody();
  assert.equal(await ownsLogin(settings, env), null);
  {
    await using opened = await disposable(store());
    await setUp([accountStep(opened.store, settings, env)], listener(), never);
  }
  assert.equal(await ownsLogin(settings, env), true);
  saveCredential(env, { email: 'a@b', token: mintToken().token }, { apiUrl: apiUrl(settings), gitOrigins: [] });
  assert.equal(await ownsLogin(settings, env), false);
});

test('the printed next command works: npx finds paas in the checkout only', () => {
  const { env, settings } = somebody();
  const message = readyMessage(settings, 1234, env);
  assert.match(message, /ready \(1\.2 s\)/);
  assert.match(message, /cd YOUR-REPOSITORY && paas create NAME && git push paas main/);
});

test('the command is linked once, replaces a link to a removed checkout, and is removed with the platform', async (t) => {
  if (!isRoot()) {
    t.diagnostic('without root nothing is linked');
    assert.equal(await commandLinkStep({ linkCommand: true }, join(root, 'unused')).needed(), null);
    return;
  }
  const link = join(root, 'bin-paas');
  const step = commandLinkStep({ linkCommand: true }, link);
  assert.match((await step.needed()) ?? '', /platform:uninstall removes it/);
  await step.perform(() => undefined, never);
  assert.equal(readlinkSync(link), commandPath);
  assert.equal(await step.needed(), null);
  assert.equal(removeCommandLink(link), true);
  assert.equal(removeCommandLink(link), false);

  symlinkSync(join(root, 'gone/src/cli/paas.cjs'), link);
  await setUp([step], listener(), never);
  assert.equal(readlinkSync(link), commandPath);
});

test('another program named paas is left alone, and no link is made if the setting says so', async () => {
  const link = join(root, 'foreign-paas');
  writeFileSync(link, '#!/bin/sh\n');
  assert.equal(await commandLinkStep({ linkCommand: true }, link).needed(), null);
  assert.equal(removeCommandLink(link), false);
  assert.equal(await commandLinkStep({ linkCommand: false }, join(root, 'none')).needed(), null);
});

test('a failed step stops the following steps', async () => {
  const done: string[] = [];
  const step = (name: string, works: boolean) => ({
    needed: async () => name,
    async perform() {
      if (!works) throw new Error(`${name} failed`);
      done.push(name);
    },
  });
  await assert.rejects(setUp([step('a', true), step('b', false), step('c', true)], listener(), never), /b failed/);
  assert.deepEqual(done, ['a']);
});

async function disposable(opening: ReturnType<typeof openStore>) {
  const store = await opening;
  return { store, [Symbol.asyncDispose]: () => store.close() };
}
