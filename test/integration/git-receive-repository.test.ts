import assert from 'node:assert/strict';
import { chmod, mkdir, readdir, readFile, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { paths } from '../../src/config/settings.ts';
import { createGitReceive } from '../../src/git-receive/git-receive.ts';
import { gitUser } from '../../src/git-receive/git-user.ts';
import { gitVersion } from '../../src/git-receive/git-version.ts';
import { Housekeeping } from '../../src/git-receive/housekeeping.ts';
import { installForGit } from '../../src/git-receive/install.ts';
import { defaultLimits } from '../../src/git-receive/limits.ts';
import { Repository } from '../../src/git-receive/repository.ts';
import { bytesOnDisk } from '../../src/git-receive/repository-files.ts';
import { systemClock } from '../../src/system/clock.ts';
import { createLocalLeases } from '../../src/system/local-leases.ts';
import { silentLogger } from '../../src/system/logger.ts';
import { scaled } from '../support/deadline.ts';
import { eventually } from '../support/eventually.ts';
import { GitServer } from '../support/git-server.ts';
import { ask, blobOf, commitOf, idOf, pushBody, receivePack, treeOf, writePack } from '../support/raw-git.ts';

describe("an app's repository", () => {
  let server: GitServer;
  before(async () => {
    server = await GitServer.start({ repositoryBytes: 1024 * 1024 });
  });
  after(() => server[Symbol.asyncDispose]());

  it('is created once, is created again when it is missing, and goes with the app', async () => {
    const app = await server.newApp();
    await server.gitReceive.createRepository(app.id);
    const repo = await server.clientOf(app);
    await repo.commit({ 'a.txt': 'hello' });
    await repo.must('push', 'paas', 'main');
    await server.gitReceive.removeRepository(app.id);
    await assert.rejects(stat(server.repositoryOf(app)), { code: 'ENOENT' });
    await repo.must('push', 'paas', 'main');
    assert.ok((await stat(server.repositoryOf(app))).isDirectory());
    assert.deepEqual(
      (await readdir(paths(server.home).repos)).filter((name) => !name.endsWith('.git')),
      [],
    );
  });

  it("is named by the app's id, never by a part of a URL", async () => {
    for (const id of ['../../etc', 'hello', '', '.', `${'0'.repeat(8)}/../x`]) {
      await assert.rejects(server.gitReceive.createRepository(id), { code: 'internal' }, id);
      await assert.rejects(server.gitReceive.removeRepository(id), { code: 'internal' }, id);
    }
  });

  it('refuses the push that would make it larger than its quota, and stays as it was', async () => {
    const app = await server.newApp();
    const repo = await server.clientOf(app);
    const { randomBytes } = await import('node:crypto');
    await repo.commit({ 'a.bin': randomBytes(600_000) });
    await repo.must('push', 'paas', 'main');
    // Compared by name, because the repository may be packed again meanwhile.
    const objects = () => server.inRepository(app, 'cat-file', '--batch-all-objects', '--batch-check');
    const before = await objects();
    await repo.commit({ 'b.bin': randomBytes(600_000) });
    const { code, stderr } = await repo.git('push', 'paas', 'main');
    assert.equal(code, 1);
    assert.match(stderr, /the repository would take 2 MiB, and 1 MiB is the limit/);
    assert.equal(await objects(), before);
    await repo.must('reset', '-q', '--hard', 'HEAD~1');
    await repo.commit({ 'c.txt': 'small' });
    await repo.must('push', 'paas', 'main');
  });

  it('drops objects that a forced push left, so that they do not fill it', { timeout: scaled(60_000) }, async () => {
    const app = await server.newApp();
    const repo = await server.clientOf(app);
    const { randomBytes } = await import('node:crypto');
    await repo.commit({ 'a.txt': 'first' });
    await repo.must('push', 'paas', 'main');
    await repo.commit({ 'large.bin': randomBytes(700_000) });
    await repo.must('push', 'paas', 'main');
    await repo.must('reset', '-q', '--hard', 'HEAD~1');
    await repo.commit({ 'b.txt': 'without it' });
    await repo.must('push', '--force', 'paas', 'main');
    const path = server.repositoryOf(app);
    assert.ok((await bytesOnDisk(path)) > 700_000);

    const twoDaysAgo = new Date(Date.now() - 48 * 60 * 60_000);
    const age = async () => {
      for (const file of await server.objectFiles(app)) await utimes(file, twoDaysAgo, twoDaysAgo);
    };
    let nowMs = 0;
    const clock = { ...systemClock, monotonicMs: () => nowMs };
    const { repos, hooks, runtime, hookSocket } = paths(server.home);
    const setup = { repos, hooks, runtime, hookSocket, user: gitUser(), limits: defaultLimits, prlimit: false };
    const repository = new Repository(setup, app.id);
    const housekeeping = new Housekeeping({ logger: silentLogger, repositoryBytes: 1024 * 1024, clock });
    // As the door does after a large push: objects younger than a day stay.
    await housekeeping.consider(repository);
    nowMs += 25 * 60 * 60_000;
    await eventually('it has let go', async () => {
      if (housekeeping.isTidying(repository)) return false;
      await age();
      await housekeeping.consider(repository);
      return (await bytesOnDisk(path)) < 300_000;
    });
    await housekeeping.close();
    await server.inRepository(app, 'fsck', '--strict');
    await repo.commit({ 'large.bin': randomBytes(700_000) });
    await repo.must('push', 'paas', 'main');
  });

  it('is packed after many pushes, and stays intact', { timeout: scaled(60_000) }, async () => {
    const app = await server.newApp();
    const packs = async () => (await server.objectFiles(app)).filter((path) => path.endsWith('.pack')).length;
    for (let number = 0; number < 40; number += 1) {
      const blob = blobOf(`text ${number}`);
      const tree = treeOf([{ mode: '100644', name: 'a.txt', id: idOf(blob) }]);
      const commit = commitOf(idOf(tree));
      const update = { ref: `refs/heads/b${number}`, newId: idOf(commit) };
      const { body } = await ask(server.origin, `/${app.name}.git/git-receive-pack`, {
        method: 'POST',
        headers: { ...receivePack, Authorization: server.ada.basic },
        body: pushBody([update], writePack([blob, tree, commit])),
      });
      assert.match(body.toString(), /ok refs/);
    }
    await eventually('one pack is left', async () => (await packs()) <= 2, { deadlineMs: 20_000 });
    await server.inRepository(app, 'fsck', '--strict');
    const repo = await server.clientOf(app);
    await repo.commit({ 'a.txt': 'after' });
    await repo.must('push', 'paas', 'main');
  });

  it("can be read by git's user only, like everything below PAAS_HOME", async () => {
    const { repos, hooks, runtime, hookSocket } = paths(server.home);
    const isRoot = gitUser() !== null;
    for (const path of [server.home, repos, paths(server.home).run, hookSocket]) {
      const { mode, gid } = await stat(path);
      assert.equal(mode & 0o007, 0, path);
      if (isRoot) assert.equal(gid, 10_002, path);
    }
    for (const path of [hooks, join(hooks, 'pre-receive'), runtime]) {
      assert.equal((await stat(path)).mode & 0o022, 0, path);
    }
    if (isRoot) assert.equal((await stat(join(runtime, 'node'))).uid, 0);
    assert.equal((await readFile(join(hooks, 'pre-receive'), 'utf8')).split('\n')[0], '#!/usr/bin/env node');
  });

  it("cannot be below a folder that git's user may not enter, and the error names the folder", async () => {
    if (gitUser() === null) return;
    const closed = join(server.home, '..', 'closed');
    await mkdir(closed, { mode: 0o700 });
    await assert.rejects(installForGit(join(closed, 'paas'), gitUser()), {
      code: 'invalid_params',
      message: new RegExp(`uid 10002.*${closed} \\(mode 0700\\)`),
    });
    await chmod(closed, 0o711);
    await installForGit(join(closed, 'paas'), gitUser());
  });

  it('cannot have a socket whose path is too long, and the error says so', async () => {
    const home = join(server.home, '..', 'x'.repeat(110));
    const gitReceive = createGitReceive({
      settings: { home, domain: 'localhost' },
      store: server.store,
      leases: createLocalLeases(),
      operations: { deployPush: server.deploy },
      identify: async () => null,
      mayPush: () => false,
      logger: silentLogger,
    });
    await assert.rejects(gitReceive.listenHooks(), { code: 'invalid_params', message: /107 is the limit/ });
    await gitReceive.close();
  });

  it('is served by a supported version of git', async () => {
    const { version, isSupported } = await gitVersion();
    assert.match(version, /^\d+\.\d+\.\d+$/);
    assert.ok(isSupported, version);
  });
});
