import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { App } from '../../src/domain/app.ts';
import { eventually } from '../support/eventually.ts';
import type { GitRepo } from '../support/git-repo.ts';
import { GitServer } from '../support/git-server.ts';
import { ask, packOf, pushBody, receivePack } from '../support/raw-git.ts';

describe('a push with', () => {
  let server: GitServer;
  let app: App;
  let repo: GitRepo;

  before(async () => {
    server = await GitServer.start();
  });
  after(() => server[Symbol.asyncDispose]());

  async function fresh(): Promise<void> {
    app = await server.newApp();
    repo = await server.clientOf(app);
    server.requests.length = 0;
    server.deploy = async (request) => server.release(request);
    await repo.commit({ 'a.txt': 'one' });
  }

  const refs = () => server.inRepository(app, 'for-each-ref', '--format=%(refname)');

  it('--atomic deploys, and moves all of its refs', async () => {
    await fresh();
    await repo.must('tag', 'v1');
    const { code, stderr } = await repo.git('push', '--atomic', 'paas', 'main', 'main:refs/heads/side', 'v1');
    assert.equal(code, 0, stderr);
    assert.equal(await refs(), 'refs/heads/main\nrefs/heads/side\nrefs/tags/v1');
    assert.equal(server.requests.length, 1);
  });

  it('--atomic and a ref that git could not move is refused before the build, and stores nothing', async () => {
    await fresh();
    await repo.must('push', 'paas', 'main:refs/heads/side');
    const seen = await repo.must('rev-parse', 'HEAD');
    const commit = await repo.commit({ 'a.txt': 'two' });
    const pack = await packOf(repo, commit);
    const push = async (ref: string, oldId?: string) => {
      const updates = [
        { ref: 'refs/heads/main', newId: commit },
        { ref, newId: commit, ...(oldId && { oldId }) },
      ];
      const body = pushBody(updates, pack, { capabilities: 'atomic' });
      const headers = { ...receivePack, Authorization: server.ada.basic };
      return (await ask(server.origin, `/${app.name}.git/git-receive-pack`, { method: 'POST', headers, body })).body;
    };
    const stale = String(await push('refs/heads/side', commit));
    assert.match(stale, /side was changed by another push while this one was on its way, and with --atomic/);
    assert.match(String(await push('refs/heads/side/x')), /side\/x cannot exist beside side, and with --atomic/);
    assert.match(stale, /ng refs\/heads\/main .*\n?.*ng refs\/heads\/side /s);
    assert.deepEqual(server.requests, []);
    assert.equal(await refs(), 'refs/heads/side');
    assert.match(String(await push('refs/heads/side', seen)), /ok refs\/heads\/main/);
  });

  it('--atomic keeps its branches to itself while it is under way', async () => {
    await fresh();
    const go = Promise.withResolvers<void>();
    server.deploy = async (request) => {
      await go.promise;
      return await server.release(request);
    };
    const atomic = repo.start(['push', '--atomic', 'paas', 'main', 'main:refs/heads/side']);
    await eventually('it deploys', () => server.requests.length === 1);
    const other = await repo.git('push', 'paas', 'main:refs/heads/side/below');
    assert.match(other.stderr, /side\/below is changed by another push that is under way/);
    assert.equal((await repo.git('push', 'paas', 'main:refs/heads/elsewhere')).code, 0);
    go.resolve();
    assert.equal((await atomic.result).code, 0);
    assert.equal(await refs(), 'refs/heads/elsewhere\nrefs/heads/main\nrefs/heads/side');
  });

  it('options is accepted, and shows them to nobody', async () => {
    await fresh();
    const log = server.log.lines.length;
    const odd = ['-o', 'ci.skip', '-o', 'key=canary-1', '-o', '', '-o', '\u001B[31mcanary-2', '-o', '日本語'];
    const { code, stderr } = await repo.git('push', ...odd, 'paas', 'main');
    assert.equal(code, 0, stderr);
    await repo.must('config', '--add', 'push.pushOption', 'always');
    await repo.commit({ 'a.txt': 'two' });
    await repo.must('push', '--atomic', 'paas', 'main', 'main:refs/heads/side');
    await repo.must('push', 'paas', ':side');
    assert.equal(server.requests.length, 2);
    assert.doesNotMatch(stderr + JSON.stringify(server.log.lines.slice(log)), /canary/);
  });

  it('too many or too long options is refused with the number and the limit', async () => {
    await fresh();
    const many = await repo.git('push', ...Array.from({ length: 101 }, () => ['-o', 'x']).flat(), 'paas', 'main');
    assert.match(many.stderr, /This push has 101 push options, and 100 is the limit\./);
    const long = await repo.git('push', '-o', 'x'.repeat(40_000), '-o', 'y'.repeat(30_000), 'paas', 'main');
    assert.match(long.stderr, /The push options have 70000 bytes together, and 65536 is the limit\./);
    assert.deepEqual([many.code, long.code, server.requests.length, await refs()], [1, 1, 0, '']);
  });

  it('any other option of git push works as with another server', async () => {
    await fresh();
    await repo.must('tag', '-a', 'v1', '-m', 'One');
    for (const [index, args] of [
      ['--dry-run', 'paas', 'main'],
      ['--porcelain', '--follow-tags', 'paas', 'main'],
      ['--force-with-lease', '--no-thin', 'paas', 'main'],
      ['--signed=if-asked', '-o', 'x', 'paas', 'main'],
    ].entries()) {
      await repo.commit({ 'a.txt': `change ${index}` });
      const { code, stderr } = await repo.git('-c', 'push.negotiate=true', 'push', ...args);
      assert.equal(code, 0, `${args.join(' ')}: ${stderr}`);
    }
    assert.equal(server.requests.length, 3);
    assert.equal(await refs(), 'refs/heads/main\nrefs/tags/v1');
    const mirror = await repo.git('push', '--mirror', 'paas');
    assert.match(mirror.stderr, /refs\/remotes\/paas\/main is neither a branch nor a tag.*instead of --mirror/s);
  });
});
