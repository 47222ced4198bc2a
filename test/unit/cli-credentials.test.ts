import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, beforeEach, test } from 'node:test';
import {
  credentialsPath,
  findCredential,
  gitCredentialsPath,
  knownGitOrigins,
  removeCredential,
  saveCredential,
} from '../../src/config/credentials.ts';

const home = mkdtempSync(join(tmpdir(), 'paas-credentials-'));
const env = { HOME: home, XDG_CONFIG_HOME: home };
const here = { apiUrl: 'http://127.0.0.1:7080', gitOrigins: ['http://127.0.0.1:7080', 'http://git.localhost:8080'] };
const ann = { email: 'ann@example.org', token: 'pp_first' };

after(() => rmSync(home, { recursive: true, force: true }));
beforeEach(() => rmSync(join(home, 'paas'), { recursive: true, force: true }));

/** The credentials that git would send for a URL, read with its helper. */
function gitAnswer(url: URL): string {
  return gitCredential('fill', `protocol=${url.protocol.slice(0, -1)}\nhost=${url.host}\n\n`);
}

function gitCredential(verb: 'fill' | 'approve', input: string): string {
  const helper = ['-c', `credential.helper=store --file=${gitCredentialsPath(env)}`];
  const run = spawnSync('git', [...helper, 'credential', verb], {
    input,
    encoding: 'utf8',
    env: { ...env, PATH: process.env.PATH, GIT_TERMINAL_PROMPT: '0', GIT_CONFIG_NOSYSTEM: '1' },
  });
  return run.stdout;
}

test('a saved token is found by the API address, with or without a slash at its end', () => {
  saveCredential(env, ann, here);
  assert.deepEqual(findCredential(env, 'http://127.0.0.1:7080/'), ann);
  assert.equal(findCredential(env, 'http://127.0.0.1:7081'), null);
});

test('git finds the token for every address it may push to', () => {
  saveCredential(env, ann, here);
  for (const origin of here.gitOrigins) {
    const answer = gitAnswer(new URL(origin));
    assert.match(answer, /^username=paas$/m);
    assert.match(answer, /^password=pp_first$/m);
  }
});

test('nobody else can read the files with tokens', () => {
  saveCredential(env, ann, here);
  for (const path of [credentialsPath(env), gitCredentialsPath(env)]) assert.equal(statSync(path).mode & 0o777, 0o600);
});

test('a second login replaces the token of that platform and leaves the others alone', () => {
  saveCredential(
    env,
    { email: 'bob@example.org', token: 'pp_other' },
    { apiUrl: 'https://other', gitOrigins: ['https://other'] },
  );
  saveCredential(env, ann, here);
  saveCredential(env, { ...ann, token: 'pp_second' }, here);
  assert.equal(findCredential(env, here.apiUrl)?.token, 'pp_second');
  assert.equal(findCredential(env, 'https://other')?.token, 'pp_other');
  assert.equal(readFileSync(gitCredentialsPath(env), 'utf8').match(/@127\.0\.0\.1:7080$/gm)?.length, 1);
  assert.match(gitAnswer(new URL('http://127.0.0.1:7080')), /password=pp_second/);
});

test('a new token replaces the old one also after git itself has rewritten its file', () => {
  saveCredential(env, ann, here);
  const approved = 'protocol=http\nhost=git.localhost:8080\nusername=paas\npassword=pp_first\n\n';
  gitCredential('approve', approved);
  assert.match(readFileSync(gitCredentialsPath(env), 'utf8'), /%3a8080/i, 'git writes the port in its own way');
  assert.deepEqual([...knownGitOrigins(env)].sort(), [...here.gitOrigins].sort());
  saveCredential(env, { ...ann, token: 'pp_second' }, here);
  assert.match(gitAnswer(new URL('http://git.localhost:8080')), /password=pp_second/);
  assert.ok(!readFileSync(gitCredentialsPath(env), 'utf8').includes('pp_first'));
});

test('a logout removes the token from both files', () => {
  saveCredential(env, ann, here);
  removeCredential(env, here);
  assert.equal(findCredential(env, here.apiUrl), null);
  assert.equal(readFileSync(gitCredentialsPath(env), 'utf8'), '');
  removeCredential(env, here);
});

test('a damaged credentials file is an error that says what to do', () => {
  saveCredential(env, ann, here);
  writeFileSync(credentialsPath(env), '{');
  assert.throws(() => findCredential(env, here.apiUrl), /credentials\.json is damaged/);
});
