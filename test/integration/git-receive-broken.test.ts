import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { paths } from '../../src/config/settings.ts';
import type { App } from '../../src/domain/app.ts';
import { PlatformError } from '../../src/domain/errors.ts';
import { scaled } from '../support/deadline.ts';
import { eventually } from '../support/eventually.ts';
import type { GitRepo } from '../support/git-repo.ts';
import { GitServer } from '../support/git-server.ts';
import { packOf, pushBody } from '../support/raw-git.ts';

describe('a broken push', () => {
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
    server.deploy = async (request) => server.release(request);
  }

  /** Deploys that run until they are aborted. Each records its start and its abort. */
  function endlessDeploy() {
    const begun = Promise.withResolvers<void>();
    const stopped = Promise.withResolvers<unknown>();
    server.deploy = (_request, output, signal) => {
      output.step('Building');
      begun.resolve();
      return new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => {
          stopped.resolve(signal.reason);
          reject(signal.reason);
        });
      });
    };
    return { begun: begun.promise, stopped: stopped.promise };
  }

  const noGitRuns = () => eventually('no git of this app runs', () => gitsAt(server.repositoryOf(app)).length === 0);

  for (const signal of ['SIGINT', 'SIGKILL'] as const) {
    it(`by ${signal} during the build is cancelled, leaves no process and no object, and the next push works`, async () => {
      await fresh();
      const deploy = endlessDeploy();
      await repo.commit({ 'a.txt': 'hello' });
      const push = repo.start(['push', 'paas', 'main']);
      await deploy.begun;
      push.kill(signal);
      const reason = await deploy.stopped;
      assert.ok(reason instanceof PlatformError && reason.code === 'cancelled', String(reason));
      await push.result;
      await noGitRuns();
      await eventually('nothing is left', async () => (await server.objectFiles(app)).length === 0);
      assert.deepEqual(quarantines(server.repositoryOf(app)), []);
      assert.equal(await server.inRepository(app, 'for-each-ref'), '');
      assert.ok(server.log.lines.some(({ fields }) => fields.app === app.name && fields.clientGone === true));
      server.deploy = async (request) => server.release(request);
      await repo.must('push', 'paas', 'main');
    });
  }

  it('after the new version serves still moves the branch', async () => {
    await fresh();
    const begun = Promise.withResolvers<void>();
    server.deploy = async (request, _output, signal) => {
      begun.resolve();
      // The switch is done, so the signal no longer changes anything.
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
      return await server.release(request);
    };
    const commit = await repo.commit({ 'a.txt': 'hello' });
    const push = repo.start(['push', 'paas', 'main']);
    await begun.promise;
    push.kill('SIGKILL');
    await push.result;
    await eventually('main has moved', async () => (await server.inRepository(app, 'for-each-ref')).includes(commit));
    await noGitRuns();
    assert.match((await repo.git('push', 'paas', 'main')).stderr, /up-to-date/);
  });

  it('by the death of its hook is refused', async () => {
    await fresh();
    const deploy = endlessDeploy();
    await repo.commit({ 'a.txt': 'hello' });
    const push = repo.start(['push', 'paas', 'main']);
    await deploy.begun;
    const hook = gitsAt(join(paths(server.home).hooks, 'pre-receive')).find(({ command }) =>
      command.startsWith('node'),
    );
    assert.ok(hook, 'the hook runs');
    process.kill(hook.pid, 'SIGKILL');
    await deploy.stopped;
    const { code, stderr } = await push.result;
    assert.equal(code, 1);
    assert.match(stderr, /pre-receive hook declined/);
    await noGitRuns();
  });

  it('at any byte leaves an intact repository, and the next push works', { timeout: scaled(120_000) }, async () => {
    await fresh();
    await repo.commit({ 'a.txt': 'first' });
    await repo.must('push', 'paas', 'main');
    const objects = (await server.objectFiles(app)).length;
    const { randomBytes, randomInt } = await import('node:crypto');
    const commit = await repo.commit({ 'b.bin': randomBytes(40_000), 'c.txt': 'c'.repeat(1000) });
    const body = pushBody([{ ref: 'refs/heads/cut', newId: commit }], await packOf(repo, commit));
    const cuts = Array.from({ length: 50 }, () => randomInt(0, body.length));
    for (const cut of cuts) await sendPart(server, app, body, cut);
    await noGitRuns();
    await eventually('no quarantine is left', () => quarantines(server.repositoryOf(app)).length === 0);
    await server.inRepository(app, 'fsck', '--strict');
    assert.ok(!(await server.inRepository(app, 'for-each-ref')).includes('cut'), `cuts: ${cuts.join(', ')}`);
    assert.equal((await server.objectFiles(app)).length, objects);
    await repo.must('push', 'paas', 'main', 'main:refs/heads/cut');
    assert.equal(await server.inRepository(app, 'rev-parse', 'main', 'cut'), `${commit}\n${commit}`);
  });

  it('by a client that stops sending is ended', async () => {
    await using quick = await GitServer.start({ uploadIdleMs: 300, killGraceMs: 500 });
    const other = await quick.newApp();
    const client = await quick.clientOf(other);
    const commit = await client.commit({ 'a.txt': 'hello' });
    const body = pushBody([{ ref: 'refs/heads/main', newId: commit }], await packOf(client, commit));
    const socket = await sendHead(quick, other, body, body.length - 10);
    const closed = new Promise((resolve) => socket.once('close', resolve));
    await eventually(
      'git has gone',
      () => gitsAt(quick.repositoryOf(other)).length === 0 && quick.log.lines.length > 0,
    );
    socket.end();
    await closed;
    await eventually('nothing of it is left', async () => (await quick.objectFiles(other)).length === 0);
  });

  it('by a client that stops reading is ended', async () => {
    await using quick = await GitServer.start({ stallMs: 300, killGraceMs: 500 });
    const other = await quick.newApp();
    const client = await quick.clientOf(other);
    const begun = Promise.withResolvers<void>();
    const frozen = Promise.withResolvers<void>();
    quick.deploy = async (_request, output, signal) => {
      output.step('Building');
      begun.resolve();
      await frozen.promise;
      while (!signal.aborted) {
        output.detail('x'.repeat(60_000));
        await new Promise((resolve) => setImmediate(resolve));
      }
      throw signal.reason;
    };
    await client.commit({ 'a.txt': 'hello' });
    const push = client.start(['push', 'paas', 'main']);
    await begun.promise;
    push.kill('SIGSTOP');
    frozen.resolve();
    await eventually('git has gone', () => gitsAt(quick.repositoryOf(other)).length === 0);
    push.kill('SIGKILL');
    await push.result;
    assert.equal(await quick.inRepository(other, 'for-each-ref'), '');
  });

  it('by a crash of the machine is cleaned up at the next start', async () => {
    await fresh();
    await repo.commit({ 'a.txt': 'hello' });
    await repo.must('push', 'paas', 'main');
    const at = server.repositoryOf(app);
    const before = await readdir(at, { recursive: true });
    await mkdir(join(at, 'objects/tmp_objdir-incoming-a1B2c3/pack'), { recursive: true });
    await writeFile(join(at, 'objects/tmp_objdir-incoming-a1B2c3/pack/tmp_pack_x'), 'half');
    await writeFile(join(at, 'objects/pack/tmp_pack_y'), 'half');
    await writeFile(join(at, 'refs/heads/main.lock'), '');
    await writeFile(join(at, 'packed-refs.lock'), '');
    await mkdir(`${at}.new-123/objects`, { recursive: true });
    await mkdir(`${at}.old-123`);
    const { sweep } = await import('../../src/git-receive/repository-files.ts');
    await sweep(paths(server.home).repos);
    assert.deepEqual(await readdir(at, { recursive: true }), before);
    assert.deepEqual(
      (await readdir(paths(server.home).repos)).filter((name) => !name.endsWith('.git')),
      [],
    );
    await repo.commit({ 'a.txt': 'more' });
    await repo.must('push', 'paas', 'main');
  });

  it('by a stop of the platform says to push again', async () => {
    const stopping = await GitServer.start({ killGraceMs: 500 });
    try {
      const other = await stopping.newApp();
      const client = await stopping.clientOf(other);
      const begun = Promise.withResolvers<void>();
      stopping.deploy = (_request, _output, signal) => {
        begun.resolve();
        return new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
      };
      await client.commit({ 'a.txt': 'hello' });
      const push = client.start(['push', 'paas', 'main']);
      await begun.promise;
      await stopping.gitReceive.close();
      const { code, stderr } = await push.result;
      assert.equal(code, 1);
      assert.match(stderr, /The platform is stopping\. Push again when it is back\./);
    } finally {
      await stopping[Symbol.asyncDispose]();
    }
  });

  it('by the destruction of its app ends before the repository is removed', async () => {
    await fresh();
    const deploy = endlessDeploy();
    await repo.commit({ 'a.txt': 'hello' });
    const push = repo.start(['push', 'paas', 'main']);
    await deploy.begun;
    await server.gitReceive.removeRepository(app.id);
    const { code, stderr } = await push.result;
    assert.equal(code, 1);
    assert.match(stderr, /being destroyed/);
    assert.ok(!(await readdir(paths(server.home).repos)).some((name) => name.startsWith(app.id)));
    await server.gitReceive.removeRepository(app.id);
  });
});

/** Programs of git whose command line names this text. */
function gitsAt(text: string): readonly { readonly pid: number; readonly command: string }[] {
  return readdirSync('/proc').flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    try {
      const command = readFileSync(`/proc/${name}/cmdline`, 'utf8').replaceAll('\0', ' ');
      return command.includes(text) && !command.includes('--test') ? [{ pid: Number(name), command }] : [];
    } catch {
      return [];
    }
  });
}

function quarantines(repository: string): readonly string[] {
  return readdirSync(join(repository, 'objects')).filter((name) => name.includes('incoming'));
}

/** Posts a push of which only the first `bytes` are sent. */
function sendHead(server: GitServer, app: App, body: Buffer, bytes: number) {
  return new Promise<import('node:net').Socket>((resolve, reject) => {
    const socket = connect(server.port, '127.0.0.1', () => {
      socket.write(
        [
          `POST /${app.name}.git/git-receive-pack HTTP/1.1`,
          'Host: git.localhost',
          `Authorization: ${server.ada.basic}`,
          'Content-Type: application/x-git-receive-pack-request',
          `Content-Length: ${body.length}`,
          '',
          '',
        ].join('\r\n'),
      );
      socket.write(body.subarray(0, bytes), () => resolve(socket));
    });
    socket.on('error', reject);
    socket.resume();
  });
}

/** The same, and then the connection is reset. */
async function sendPart(server: GitServer, app: App, body: Buffer, bytes: number): Promise<void> {
  const socket = await sendHead(server, app, body, bytes);
  await new Promise((resolve) => {
    socket.once('close', resolve);
    socket.resetAndDestroy();
  });
}
