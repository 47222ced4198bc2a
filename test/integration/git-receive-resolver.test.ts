import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { App } from '../../src/domain/app.ts';
import { PlatformError } from '../../src/domain/errors.ts';
import { type Resolver, startResolver } from '../../src/resolver/resolver.ts';
import { eventually } from '../support/eventually.ts';
import type { GitRepo } from '../support/git-repo.ts';
import { GitServer } from '../support/git-server.ts';

const mebibyte = 1024 * 1024;

describe('a push that comes through the resolver', () => {
  let server: GitServer;
  let resolver: Resolver;
  let folder: string;

  before(async () => {
    server = await GitServer.start({ packBytes: 24 * mebibyte, killGraceMs: 500 });
    folder = await mkdtemp(join(tmpdir(), 'paas-git-resolver-'));
    const reserved = [{ hostname: 'git.localhost', address: '127.0.0.1', port: server.port }];
    await writeFile(join(folder, 'routes.json'), JSON.stringify({ version: 1, routes: [], reserved }));
    resolver = await startResolver({
      bind: '127.0.0.1',
      httpPort: 0,
      controlSocket: join(folder, 'resolver.sock'),
      snapshotPath: join(folder, 'routes.json'),
    });
  });
  after(async () => {
    await resolver.close();
    await server[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  });

  async function client(): Promise<{ readonly app: App; readonly repo: GitRepo }> {
    const app = await server.newApp();
    const repo = await server.clientOf(app);
    const { port } = resolver.address;
    const origin = `http://git.localhost:${port}`;
    await repo.must('config', 'http.curloptResolve', `git.localhost:${port}:127.0.0.1`);
    await repo.login(origin, server.ada.token);
    await repo.must('remote', 'set-url', 'paas', `${origin}/${app.name}.git`);
    return { app, repo };
  }

  it('shows its lines at once, and arrives complete when it is large', async () => {
    const { app, repo } = await client();
    const go = Promise.withResolvers<void>();
    server.deploy = async (request, output) => {
      output.step('First');
      await go.promise;
      output.step('Second');
      return await server.release(request);
    };
    const commit = await repo.commit({ 'noise.bin': randomBytes(20 * mebibyte) });
    const push = repo.start(['push', 'paas', 'main']);
    await eventually('the first step', () => push.stderr().includes('-----> First'));
    assert.ok(!push.stderr().includes('Second'));
    go.resolve();
    const { code, stderr } = await push.result;
    assert.equal(code, 0, stderr);
    assert.equal(await server.inRepository(app, 'rev-parse', 'main'), commit);
    await repo.must(
      'clone',
      '-q',
      '-c',
      `http.curloptResolve=git.localhost:${resolver.address.port}:127.0.0.1`,
      await repo.must('remote', 'get-url', 'paas'),
      '../clone',
    );
  });

  it('is cancelled when its client is killed', async () => {
    const { app, repo } = await client();
    const begun = Promise.withResolvers<void>();
    const stopped = Promise.withResolvers<unknown>();
    server.deploy = (_request, _output, signal) => {
      begun.resolve();
      return new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => {
          stopped.resolve(signal.reason);
          reject(signal.reason);
        });
      });
    };
    await repo.commit({ 'a.txt': 'hello' });
    const push = repo.start(['push', 'paas', 'main']);
    await begun.promise;
    push.kill('SIGKILL');
    const reason = await stopped.promise;
    assert.ok(reason instanceof PlatformError && reason.code === 'cancelled');
    await push.result;
    await eventually('nothing is left', async () => (await server.objectFiles(app)).length === 0);
  });

  it('gets the limit when it is too large, and the error when the app is unknown', async () => {
    const { app, repo } = await client();
    await repo.commit({ 'noise.bin': randomBytes(40 * mebibyte) });
    const large = await repo.git('push', 'paas', 'main');
    assert.equal(large.code, 1);
    assert.match(large.stderr, /This push has more than 24 MiB, which is the limit for one push/);
    assert.deepEqual(await server.objectFiles(app), []);
    await repo.must('remote', 'set-url', 'paas', `http://git.localhost:${resolver.address.port}/nobody.git`);
    const unknown = await repo.git('push', 'paas', 'main');
    assert.match(unknown.stderr, /remote: No app named nobody\. See your apps: paas apps/);
    assert.match(unknown.stderr, /not found/);
  });
});
