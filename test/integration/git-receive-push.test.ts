import assert from 'node:assert/strict';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { App } from '../../src/domain/app.ts';
import { PlatformError } from '../../src/domain/errors.ts';
import type { SourceTree } from '../../src/domain/push.ts';
import { scaled } from '../support/deadline.ts';
import { eventually } from '../support/eventually.ts';
import type { GitRepo } from '../support/git-repo.ts';
import { GitServer } from '../support/git-server.ts';
import { ask, packOf, pushBody, receivePack } from '../support/raw-git.ts';
import { readTar } from '../support/tar.ts';

describe('a push', () => {
  let server: GitServer;
  let app: App;
  let repo: GitRepo;
  const succeed = (server: GitServer) => async (request: Parameters<GitServer['deploy']>[0]) => server.release(request);

  before(async () => {
    server = await GitServer.start();
  });
  after(() => server[Symbol.asyncDispose]());

  async function fresh(): Promise<void> {
    app = await server.newApp();
    repo = await server.clientOf(app);
    server.requests.length = 0;
    server.deploy = succeed(server);
  }

  it('to the deploy branch shows the deploy live and ends with its last line', async () => {
    await fresh();
    server.deploy = async (request, output) => {
      output.step('Building on the trixie stack');
      output.detail('two\nlines');
      output.warn('careful');
      output.detail('http://hello.localhost:8080/ deployed to paas');
      return await server.release(request);
    };
    const commit = await repo.commit({ 'a.txt': 'hello' });
    const { code, stderr } = await repo.git('push', 'paas', 'main');
    assert.equal(code, 0, stderr);
    const remote = stderr
      .split('\n')
      .filter((line) => line.startsWith('remote:'))
      .map((line) => line.replace(/^remote: ?/, '').trimEnd());
    assert.deepEqual(remote, [
      'Building source:',
      '',
      '-----> Building on the trixie stack',
      '       two',
      '       lines',
      ' !     careful',
      '       http://hello.localhost:8080/ deployed to paas',
    ]);
    assert.equal(await server.inRepository(app, 'rev-parse', 'main'), commit);
    const [request] = server.requests;
    assert.deepEqual(
      [request?.push.appId, request?.push.ref, request?.push.oldCommit, request?.push.newCommit],
      [app.id, 'refs/heads/main', null, commit],
    );
    assert.equal(request?.actor.email, 'ada@example.com');
    assert.deepEqual(await server.store.pushes.find(request?.push.id ?? ''), request?.push);
  });

  it('shows each line at once, not at the end', async () => {
    await fresh();
    const go = Promise.withResolvers<void>();
    server.deploy = async (request, output) => {
      output.step('First');
      await go.promise;
      output.step('Second');
      return await server.release(request);
    };
    await repo.commit({ 'a.txt': 'hello' });
    const push = repo.start(['push', 'paas', 'main']);
    await eventually('the first step is seen while the deploy goes on', () => push.stderr().includes('-----> First'));
    assert.ok(!push.stderr().includes('Second'));
    go.resolve();
    const { code, stderr } = await push.result;
    assert.equal(code, 0, stderr);
    assert.ok(stderr.includes('-----> Second'));
  });

  it('shows its first line before the deploy prints anything', async () => {
    await fresh();
    const go = Promise.withResolvers<void>();
    server.deploy = async (request) => {
      await go.promise;
      return await server.release(request);
    };
    await repo.commit({ 'a.txt': 'hello' });
    const push = repo.start(['push', 'paas', 'main']);
    await eventually('a line', () => /^remote: \S/m.test(push.stderr()));
    go.resolve();
    assert.equal((await push.result).code, 0);
  });

  it('with a silent build sends a keep-alive every five seconds, so that no proxy closes it', async () => {
    await fresh();
    const commit = await repo.commit({ 'a.txt': 'hello' });
    const pack = await packOf(repo, commit);
    const go = Promise.withResolvers<void>();
    server.deploy = async (request, output) => {
      output.step('Silence');
      await go.promise;
      return await server.release(request);
    };
    const pieces: Buffer[] = [];
    const answer = ask(server.origin, `/${app.name}.git/git-receive-pack`, {
      method: 'POST',
      headers: { ...receivePack, Authorization: server.ada.basic },
      body: pushBody([{ ref: 'refs/heads/main', newId: commit }], pack),
      onData: (chunk) => pieces.push(chunk),
    });
    await eventually('an empty packet', () => pieces.some((piece) => piece.equals(Buffer.from('0005\x01'))));
    go.resolve();
    assert.match((await answer).body.toString(), /ok refs\/heads\/main/);
  });

  it('whose deploy fails is refused with the reason and the next command, and leaves no objects', async () => {
    await fresh();
    await repo.commit({ 'a.txt': 'one' });
    await repo.must('push', 'paas', 'main');
    const before = await server.inRepository(app, 'rev-parse', 'main');
    const objects = await server.objectFiles(app);
    await repo.commit({ 'a.txt': 'two' });
    server.deploy = async () => {
      throw new PlatformError('start_failed', 'web.1 of v2 ended with exit code 3.', {
        hint: `See: paas logs -a ${app.name}`,
      });
    };
    const { code, stderr } = await repo.git('push', 'paas', 'main');
    assert.equal(code, 1);
    assert.match(stderr, /remote: {2}! {5}web\.1 of v2 ended with exit code 3\./);
    assert.match(stderr, new RegExp(`remote:  !     See: paas logs -a ${app.name}`));
    assert.match(stderr, /remote: {2}! {5}Push rejected, the new version did not start\./);
    assert.match(stderr, /! \[remote rejected\] main -> main \(pre-receive hook declined\)/);
    assert.equal(await server.inRepository(app, 'rev-parse', 'main'), before);
    assert.deepEqual(await server.objectFiles(app), objects);
    server.deploy = succeed(server);
    await repo.must('push', 'paas', 'main');
    const events = await server.store.events.list({ appId: app.id, limit: 20 });
    assert.deepEqual(
      events.filter(({ kind }) => kind.startsWith('push.')).map(({ kind }) => kind),
      ['push.received', 'push.refused', 'push.received', 'push.received'],
    );
  });

  it('that meets a defect of the platform shows only the id of its log entry', async () => {
    await fresh();
    server.deploy = async () => {
      throw new Error('SQLITE_CORRUPT at /var/lib/paas/state.db');
    };
    await repo.commit({ 'a.txt': 'hello' });
    const { code, stderr } = await repo.git('push', 'paas', 'main');
    assert.equal(code, 1);
    assert.ok(!stderr.includes('SQLITE'), stderr);
    const id = /under request ([0-9a-f-]{36})/.exec(stderr)?.[1];
    const line = server.log.lines.find(({ fields }) => fields.requestId === id && fields.error);
    assert.match(String(line?.fields.error), /SQLITE_CORRUPT/);
    assert.equal(line?.level, 'error');
  });

  it('to another branch or a tag is stored and not deployed', async () => {
    await fresh();
    const commit = await repo.commit({ 'a.txt': 'hello' });
    const branch = await repo.git('push', 'paas', 'HEAD:refs/heads/feature');
    assert.equal(branch.code, 0);
    assert.match(branch.stderr, /remote: Pushed to non-main branch, skipping build\./);
    assert.match(branch.stderr, /remote: To deploy it: git push paas \S+:main/);
    await repo.must('tag', '-a', 'v1', '-m', 'One');
    const tag = await repo.git('push', 'paas', 'v1');
    assert.match(
      tag.stderr,
      /remote: Pushed a tag, skipping build\.\s+remote: To deploy it: git push paas 'v1\^\{\}:refs\/heads\/main'/,
    );
    assert.equal(await server.inRepository(app, 'rev-parse', 'feature', 'v1^{commit}'), `${commit}\n${commit}`);
    assert.deepEqual(server.requests, []);
    await repo.must('push', 'paas', ':feature', ':v1');
    assert.equal(await server.inRepository(app, 'for-each-ref'), '');
  });

  it('to master deploys too, and a clone then checks out the deployed branch', async () => {
    await fresh();
    await repo.commit({ 'a.txt': 'hello' });
    await repo.must('push', 'paas', 'main:master');
    assert.equal(server.requests[0]?.push.ref, 'refs/heads/master');
    await repo.must('clone', '-q', `${server.origin}/${app.name}.git`, '../clone');
    assert.equal(await readFile(join(repo.root, 'clone', 'a.txt'), 'utf8'), 'hello');
  });

  it('can be forced, as on Heroku', async () => {
    await fresh();
    await repo.commit({ 'a.txt': 'one' });
    await repo.must('push', 'paas', 'main');
    await repo.must('commit', '--amend', '-q', '-m', 'Other');
    assert.match((await repo.git('push', 'paas', 'main')).stderr, /non-fast-forward/);
    await repo.must('push', '--force', 'paas', 'main');
    assert.equal(await server.inRepository(app, 'rev-parse', 'main'), await repo.must('rev-parse', 'HEAD'));
  });

  it('that would delete the deploy branch is refused whole, with an alternative', async () => {
    await fresh();
    await repo.commit({ 'a.txt': 'one' });
    await repo.must('push', 'paas', 'main', 'main:refs/heads/other');
    const { code, stderr } = await repo.git('push', 'paas', ':main', ':other');
    assert.equal(code, 1);
    assert.match(stderr, /main is the branch that is deployed, so it cannot be deleted/);
    assert.match(stderr, /paas destroy/);
    assert.equal((await server.inRepository(app, 'for-each-ref')).split('\n').length, 2);
  });

  it('to main and master at once is refused, and of all branches and tags deploys main', async () => {
    await fresh();
    await repo.commit({ 'a.txt': 'one' });
    await repo.must('branch', 'master');
    const both = await repo.git('push', '--all', 'paas');
    assert.equal(both.code, 1);
    assert.match(both.stderr, /This push holds main and master/);
    await repo.must('branch', '-m', 'master', 'side');
    await repo.must('tag', 'v1');
    await repo.must('push', '--all', 'paas');
    await repo.must('push', '--tags', 'paas');
    assert.equal(server.requests.length, 1);
  });

  it('of an object that is not a commit is refused', async () => {
    await fresh();
    await repo.commit({ 'a.txt': 'one' });
    await repo.must('tag', '-a', 'v1', '-m', 'One');
    const tag = await repo.git('push', 'paas', 'v1:refs/heads/main');
    assert.notEqual(tag.code, 0);
    assert.equal(await server.inRepository(app, 'for-each-ref'), '');
    assert.deepEqual(server.requests, []);
  });

  it('gives the builder its source while the objects are still in quarantine', async () => {
    await fresh();
    let seen: Awaited<ReturnType<typeof inspect>> | null = null;
    server.deploy = async (request, _output, signal) => {
      seen = await inspect(request.source, signal);
      assert.equal(await server.inRepository(app, 'for-each-ref'), '', 'no ref has moved yet');
      return await server.release(request);
    };
    const commit = await repo.commit({
      Procfile: 'web: node app.js\n',
      'src/app.js': 'x'.repeat(100_000),
      'run.sh': '#!/bin/sh\n',
      'größe/ü b.txt': 'ü',
      'secret.txt': 'not in the archive\n',
      '.gitattributes': 'secret.txt export-ignore\n',
    });
    await repo.must('update-index', '--chmod=+x', 'run.sh');
    await repo.must('commit', '-q', '--amend', '--no-edit');
    const amended = await repo.must('rev-parse', 'HEAD');
    assert.notEqual(amended, commit);
    const { code, stderr } = await repo.git('push', 'paas', 'main');
    assert.equal(code, 0, stderr);
    assert.deepEqual(seen, {
      commit: amended,
      treeId: await repo.must('rev-parse', 'HEAD^{tree}'),
      modes: {
        '.gitattributes': '100644',
        Procfile: '100644',
        'größe/ü b.txt': '100644',
        'run.sh': '100755',
        'secret.txt': '100644',
        'src/app.js': '100644',
      },
      procfile: 'web: node app.js\n',
      missing: null,
      folder: null,
      tooLarge: 'too_large',
      archive: [
        '.gitattributes 644',
        'Procfile 644',
        'größe/ 755',
        'größe/ü b.txt 644',
        'run.sh 755',
        'src/ 755',
        'src/app.js 644',
      ],
    });
  });

  it('does not follow links, and warns that submodules and Git LFS files are not fetched', async () => {
    await fresh();
    let procfile: Buffer | null = Buffer.alloc(0);
    server.deploy = async (request) => {
      procfile = await request.source.readFile('Procfile', 1000);
      return await server.release(request);
    };
    const commit = await repo.commit({
      'target.txt': 'web: evil\n',
      '.gitattributes': '*.bin filter=lfs diff=lfs merge=lfs -text\n',
      'model.bin': `version https://git-lfs.github.com/spec/v1\noid sha256:${'a'.repeat(64)}\nsize 12345\n`,
    });
    const link = (await repo.start(['hash-object', '-w', '--stdin'], { input: 'target.txt' }).result).stdout.trim();
    await repo.must('update-index', '--add', '--cacheinfo', `120000,${link},Procfile`);
    await repo.must('update-index', '--add', '--cacheinfo', `160000,${commit},vendor/lib`);
    await repo.must('commit', '-q', '-m', 'Links');
    const { code, stderr } = await repo.git('push', 'paas', 'main');
    assert.equal(code, 0, stderr);
    assert.equal(procfile, null);
    assert.match(stderr, /Submodules are not fetched; empty in the build: vendor\/lib/);
    assert.match(stderr, /Git LFS files are not fetched: the build sees the pointer in place of model\.bin/);
  });

  it('from a shallow clone, as in CI, deploys and moves the branch, and a full clone can continue from there', async () => {
    await fresh();
    for (const text of ['one', 'two', 'three']) await repo.commit({ 'a.txt': text });
    const shallow = join(repo.root, 'shallow');
    const push = async (cwd: string) => {
      const { code, stderr } = await repo.start(['push', `${server.origin}/${app.name}.git`, 'HEAD:main'], { cwd })
        .result;
      assert.equal(code, 0, stderr);
      assert.equal(await server.inRepository(app, 'rev-parse', 'main'), await repo.must('rev-parse', 'HEAD'));
    };
    await repo.must('clone', '-q', '--depth', '1', `file://${repo.dir}`, shallow);
    await push(shallow);
    await repo.commit({ 'a.txt': 'four' });
    await push(repo.dir);
    // One commit more than the platform has, so git itself sees that it is a fast-forward.
    await repo.commit({ 'a.txt': 'five' });
    const again = { cwd: shallow };
    await repo.start(['fetch', '-q', '--depth', '2', 'origin', 'main'], again).result;
    await repo.start(['reset', '-q', '--hard', 'FETCH_HEAD'], again).result;
    await push(shallow);
    assert.equal(server.requests.length, 3);
    await server.inRepository(app, 'fsck', '--strict');
    await repo.must('clone', '-q', `${server.origin}/${app.name}.git`, join(repo.root, 'again'));
  });

  it('of 60 MB that do not compress arrives complete', { timeout: scaled(60_000) }, async () => {
    await fresh();
    const { randomBytes } = await import('node:crypto');
    await repo.commit({ 'noise.bin': randomBytes(60 * 1024 * 1024) });
    const { code, stderr } = await repo.git('push', 'paas', 'main');
    assert.equal(code, 0, stderr);
    const pack = (await server.objectFiles(app)).find((path) => path.endsWith('.pack')) ?? '';
    assert.ok((await stat(pack)).size > 60 * 1024 * 1024);
    await server.inRepository(app, 'fsck', '--strict');
  });

  it("is checked by the platform's hook again after a restart, when somebody changed the hook", async () => {
    await fresh();
    const { paths } = await import('../../src/config/settings.ts');
    const hook = join(paths(server.home).hooks, 'pre-receive');
    const ours = await readFile(hook, 'utf8');
    await writeFile(hook, '#!/bin/sh\nexit 0\n');
    const { installForGit } = await import('../../src/git-receive/install.ts');
    const { gitUser } = await import('../../src/git-receive/git-user.ts');
    assert.equal(await installForGit(server.home, gitUser()), true);
    assert.equal(await readFile(hook, 'utf8'), ours);
    assert.equal(await installForGit(server.home, gitUser()), false);
  });
});

async function inspect(source: SourceTree, signal: AbortSignal) {
  const entries = await source.list();
  return {
    commit: source.commit,
    treeId: source.treeId,
    modes: Object.fromEntries(entries.map(({ path, mode }) => [path, mode])),
    procfile: (await source.readFile('Procfile', 1000))?.toString() ?? null,
    missing: await source.readFile('nothing', 1000),
    folder: await source.readFile('src', 1000),
    tooLarge: await source.readFile('src/app.js', 1000).catch((error: PlatformError) => error.code),
    archive: (await readTar(await source.archive(signal)))
      .filter(({ type }) => type !== 'pax-global-header')
      .map(({ name, mode }) => `${name} ${mode.toString(8)}`),
  };
}
