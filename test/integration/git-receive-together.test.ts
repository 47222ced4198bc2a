import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { App } from '../../src/domain/app.ts';
import { PlatformError } from '../../src/domain/errors.ts';
import { scaled } from '../support/deadline.ts';
import { eventually } from '../support/eventually.ts';
import type { GitRepo } from '../support/git-repo.ts';
import { GitServer } from '../support/git-server.ts';

describe('pushes to one app at once', () => {
  let server: GitServer;
  let app: App;
  let repo: GitRepo;

  before(async () => {
    server = await GitServer.start({ killGraceMs: 500 });
  });
  after(() => server[Symbol.asyncDispose]());

  async function fresh(): Promise<void> {
    app = await server.newApp();
    repo = await server.clientOf(app);
    server.requests.length = 0;
  }

  /** A deploy that waits for the test, and counts how many run at once. */
  function heldDeploys() {
    const gates: { readonly commit: string; open(error?: Error): void }[] = [];
    let running = 0;
    let most = 0;
    server.deploy = async (request, output) => {
      const gate = Promise.withResolvers<void>();
      gates.push({
        commit: request.push.newCommit,
        open: (error) => (error ? gate.reject(error) : gate.resolve()),
      });
      running += 1;
      most = Math.max(most, running);
      try {
        await gate.promise;
        output.detail(`deployed ${request.push.newCommit}`);
        return await server.release(request);
      } finally {
        running -= 1;
      }
    };
    return { gates, most: () => most };
  }

  it('deploy one after the other, and the next one waits, says so, and deploys if it contains the one before', async () => {
    await fresh();
    const { gates, most } = heldDeploys();
    const one = await repo.commit({ 'a.txt': 'one' });
    const first = repo.start(['push', 'paas', 'main']);
    await eventually('the first deploys', () => gates.length === 1);
    const two = await repo.commit({ 'a.txt': 'two' });
    const second = repo.start(['push', 'paas', 'main']);
    await eventually('the second waits', () =>
      second
        .stderr()
        .includes(`remote: Waiting to build: the push of ${one.slice(0, 7)} is ahead of yours (position 1)...`),
    );
    gates[0]?.open();
    assert.equal((await first.result).code, 0);
    assert.equal(await server.inRepository(app, 'rev-parse', 'main'), one);
    await eventually('the second deploys', () => gates.length === 2);
    gates[1]?.open();
    const { code, stderr } = await second.result;
    assert.equal(code, 0, stderr);
    assert.match(stderr, new RegExp(`deployed ${two}`));
    assert.equal(await server.inRepository(app, 'rev-parse', 'main'), two);
    assert.equal(most(), 1);
    assert.match((await repo.git('push', 'paas', 'main')).stderr, /up-to-date/);
  });

  it('that do not contain the one before are refused, and no commit is lost', async () => {
    await fresh();
    const { gates } = heldDeploys();
    const colleague = await server.clientOf(app);
    const mine = await repo.commit({ 'a.txt': 'mine' });
    await colleague.commit({ 'a.txt': 'theirs' });
    const first = repo.start(['push', 'paas', 'main']);
    await eventually('the first deploys', () => gates.length === 1);
    const second = colleague.start(['push', 'paas', 'main']);
    await eventually('the second waits', () => second.stderr().includes(`the push of ${mine.slice(0, 7)} is ahead`));
    gates[0]?.open();
    assert.equal((await first.result).code, 0);
    const { code, stderr } = await second.result;
    assert.equal(code, 1);
    assert.match(stderr, new RegExp(`main moved to ${mine.slice(0, 7)} by another push`));
    assert.match(stderr, /git pull --rebase paas main/);
    assert.equal(await server.inRepository(app, 'rev-parse', 'main'), mine);
    assert.equal(server.requests.length, 1);
    await colleague.must('fetch', '-q', 'paas');
    await colleague.must('rebase', '-q', '-X', 'theirs', 'paas/main');
    const again = colleague.start(['push', 'paas', 'main']);
    await eventually('it deploys', () => gates.length === 2);
    gates[1]?.open();
    assert.equal((await again.result).code, 0);
  });

  it('of the same commit both succeed', async () => {
    await fresh();
    const { gates, most } = heldDeploys();
    await repo.commit({ 'a.txt': 'one' });
    const pushes = [1, 2].map(() => repo.start(['push', 'paas', 'main']));
    await eventually('one deploys', () => gates.length === 1);
    await eventually('one waits', () => pushes.some((push) => push.stderr().includes('Waiting')));
    gates[0]?.open();
    await eventually('the other deploys', () => gates.length === 2);
    gates[1]?.open();
    for (const push of pushes) assert.equal((await push.result).code, 0, push.stderr());
    assert.equal(most(), 1);
  });

  it('continue when the one before fails or its client is killed', async () => {
    await fresh();
    const { gates } = heldDeploys();
    await repo.commit({ 'a.txt': 'one' });
    const failing = repo.start(['push', 'paas', 'main']);
    await eventually('the first deploys', () => gates.length === 1);
    const second = await server.clientOf(app);
    const third = await server.clientOf(app);
    await second.commit({ 'a.txt': 'two' });
    const commit = await third.commit({ 'a.txt': 'three' });
    const killed = second.start(['push', 'paas', 'main']);
    await eventually('the second waits', () => killed.stderr().includes('Waiting'));
    const last = third.start(['push', 'paas', 'main']);
    await eventually('the third waits', () => last.stderr().includes('Waiting'));
    killed.kill('SIGKILL');
    await killed.result;
    gates[0]?.open(new PlatformError('build_failed', 'npm ended with exit code 1.'));
    const failed = await failing.result;
    assert.equal(failed.code, 1);
    assert.match(failed.stderr, /Push rejected, the build failed/);
    await eventually('the third deploys', () => gates.length === 2);
    assert.equal(gates[1]?.commit, commit);
    gates[1]?.open();
    assert.equal((await last.result).code, 0);
    assert.equal(await server.inRepository(app, 'rev-parse', 'main'), commit);
  });

  it('continue when the client of the running deploy dies', async () => {
    await fresh();
    const begun = Promise.withResolvers<void>();
    server.deploy = (_request, _output, signal) => {
      begun.resolve();
      return new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
    };
    await repo.commit({ 'a.txt': 'one' });
    const dying = repo.start(['push', 'paas', 'main']);
    await begun.promise;
    const next = await server.clientOf(app);
    await next.commit({ 'a.txt': 'two' });
    const waiting = next.start(['push', 'paas', 'main']);
    await eventually('the next waits', () => waiting.stderr().includes('Waiting'));
    server.deploy = async (request) => server.release(request);
    dying.kill('SIGKILL');
    assert.equal((await waiting.result).code, 0, waiting.stderr());
  });

  it('of ten clients, some of them killed, are all decided, one at a time, and the branch has the last accepted one', {
    timeout: scaled(60_000),
  }, async () => {
    await fresh();
    let running = 0;
    const accepted: string[] = [];
    server.deploy = async (request, _output, signal) => {
      running += 1;
      assert.equal(running, 1, 'one at a time');
      try {
        await new Promise((resolve) => setTimeout(resolve, 20));
        signal.throwIfAborted();
        accepted.push(request.push.newCommit);
        return await server.release(request);
      } finally {
        running -= 1;
      }
    };
    const clients = await Promise.all(Array.from({ length: 10 }, () => server.clientOf(app)));
    await Promise.all(clients.map((client, number) => client.commit({ 'a.txt': `client ${number}` })));
    const pushes = clients.map((client) => client.start(['push', '--force', 'paas', 'main']));
    for (const push of [pushes[2], pushes[5], pushes[8]]) push?.kill('SIGKILL');
    const results = await Promise.all(pushes.map(({ result }) => result));
    await eventually('nothing deploys any more', () => running === 0);
    for (const { code, stderr } of results) {
      if (code === 0 || code === null) continue;
      assert.match(stderr, /by another push while this one was on its way/);
    }
    assert.ok(accepted.length > 0);
    await eventually(
      'main is what was accepted last',
      async () => (await server.inRepository(app, 'rev-parse', 'main')) === accepted.at(-1),
    );
    await server.inRepository(app, 'fsck', '--strict');
  });

  it('beyond the capacity of the machine are refused, and can be repeated later', async () => {
    await using small = await GitServer.start({ pushesPerApp: 1, requests: 4, killGraceMs: 500 });
    const begun = Promise.withResolvers<void>();
    const go = Promise.withResolvers<void>();
    small.deploy = async (request) => {
      begun.resolve();
      await go.promise;
      return await small.release(request);
    };
    const busy = await small.newApp();
    const client = await small.clientOf(busy);
    await client.commit({ 'a.txt': 'one' });
    const first = client.start(['push', 'paas', 'main']);
    await begun.promise;
    const { code, stderr } = await client.git('push', 'paas', 'main:refs/heads/side');
    assert.notEqual(code, 0);
    assert.match(stderr, /503/);
    const others = await Promise.all(
      [1, 2].map(async () => {
        const other = await small.clientOf(await small.newApp());
        await other.commit({ 'a.txt': 'two' });
        return other.start(['push', 'paas', 'main']);
      }),
    );
    await eventually('three deploy', () => small.requests.length === 3);
    const full = await client.git('ls-remote', 'paas');
    assert.match(full.stderr, /remote: 3 pushes and fetches of your account are under way, and others need room too\./);
    const grace = await small.newUser('grace@example.com');
    const hers = await small.clientOf(await small.newApp(grace), grace);
    assert.equal((await hers.git('ls-remote', 'paas')).code, 0);
    go.resolve();
    for (const push of [first, ...others]) assert.equal((await push.result).code, 0);
    await client.must('push', 'paas', 'main:refs/heads/side');
  });

  it('of branches that are not deployed do not wait', async () => {
    await fresh();
    const { gates } = heldDeploys();
    await repo.commit({ 'a.txt': 'one' });
    const deploying = repo.start(['push', 'paas', 'main']);
    await eventually('it deploys', () => gates.length === 1);
    const { code, stderr } = await repo.git('push', 'paas', 'main:refs/heads/side');
    assert.equal(code, 0);
    assert.doesNotMatch(stderr, /Waiting/);
    gates[0]?.open();
    assert.equal((await deploying.result).code, 0);
  });
});
