import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { must, TestPlatform } from '../support/platform.ts';

const sample = join(import.meta.dirname, '../apps/express');

describe('a Node.js app', () => {
  let paas: TestPlatform;
  before(async () => {
    paas = await TestPlatform.start();
  });
  after(() => paas[Symbol.asyncDispose]());

  it('is written, pushed and shown by paas demo, with the command of each step', async () => {
    const { stdout, stderr } = await must(paas.paas(['demo', 'first-demo']));
    const url = stdout.trim().split('\n').at(-1) ?? '';
    const [, app] = /^http:\/\/([a-z0-9-]+)\.localhost:\d+\/$/.exec(url) ?? [];
    assert.ok(app, stdout);
    for (const command of ['git init', 'git commit', 'paas create', 'git push paas main', 'curl http']) {
      assert.match(stderr, new RegExp(`\\$ ${command}`));
    }
    assert.equal((await paas.http(app)).status, 200);
  });

  it('is built from its lock file, serves, and needs no build container for a changed line', async () => {
    const files = await Promise.all(
      (await readdir(sample)).map(async (name) => [name, await readFile(join(sample, name), 'utf8')] as const),
    );
    const repo = await paas.app('express', Object.fromEntries(files));
    const first = await must(paas.push(repo));
    assert.match(first.stderr, /npm ci/);
    assert.equal((await paas.http('express')).status, 200);
    const server = files.find(([name]) => name === 'server.js')?.[1] ?? '';
    await paas.commit('express', { 'server.js': `${server}\n// a changed line\n` });
    const second = await must(paas.push(repo));
    assert.doesNotMatch(second.stderr, /npm ci/);
    assert.equal((await paas.http('express')).status, 200);
  });
});
