import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { App } from '../../src/domain/app.ts';
import { mintToken } from '../../src/domain/token.ts';
import { badAppPaths } from '../support/bad-names.ts';
import { GitRepo } from '../support/git-repo.ts';
import { GitServer, type User } from '../support/git-server.ts';
import { ask, packOf, pushBody, receivePack, uploadPack } from '../support/raw-git.ts';

describe('who may push and fetch', () => {
  let server: GitServer;
  let app: App;
  let mallory: User;
  let repo: GitRepo;
  let commit: string;
  let body: Buffer;

  before(async () => {
    server = await GitServer.start();
    app = await server.newApp();
    mallory = await server.newUser('mallory@example.com');
    repo = await server.clientOf(app);
    commit = await repo.commit({ 'a.txt': 'hello' });
    body = pushBody([{ ref: 'refs/heads/main', newId: commit }], await packOf(repo, commit));
  });
  after(() => server[Symbol.asyncDispose]());

  const advertisement = (name: string, service = 'git-receive-pack') => `/${name}.git/info/refs?service=${service}`;
  const refs = () => server.inRepository(app, 'for-each-ref');

  it('nobody without a token, and the pushed data is not read', async () => {
    for (const headers of [receivePack, { ...receivePack, Authorization: '' }]) {
      const answer = await ask(server.origin, `/${app.name}.git/git-receive-pack`, { method: 'POST', headers, body });
      assert.equal(answer.status, 401);
      assert.match(String(answer.headers['www-authenticate']), /^Basic realm="paas"/);
    }
    assert.equal((await ask(server.origin, advertisement(app.name))).status, 401);
    assert.equal(await refs(), '');
    assert.deepEqual(await server.objectFiles(app), []);
  });

  it('nobody without a token: the same request moves main on node-git-server 1.0.0', async () => {
    const root = await mkdtemp(join(tmpdir(), 'paas-victim-'));
    const { Git } = await import('node-git-server');
    const victim = new Git(root, {
      autoCreate: true,
      authenticate: ({ type }: { type: string }, next: (error?: Error) => void) =>
        next(new Error(`no ${type} for you`)),
    });
    const accepted = new Promise<string>((resolve) => {
      victim.on('push', (push: { branch: string; commit: string; accept(): void }) => {
        push.accept();
        resolve(`${push.branch} ${push.commit}`);
      });
    });
    try {
      await repo.must('init', '-q', '--bare', join(root, 'victim.git'));
      victim.listen(0);
      const port = (victim as unknown as { server: { address(): { port: number } } }).server.address().port;
      const origin = `http://127.0.0.1:${port}`;
      assert.notEqual((await ask(origin, advertisement('victim'))).status, 200, 'it does ask at info/refs');
      await ask(origin, '/victim.git/git-receive-pack', { method: 'POST', headers: receivePack, body });
      assert.equal(await accepted, `main ${commit}`);
      assert.match(await repo.must(`--git-dir=${join(root, 'victim.git')}`, 'for-each-ref'), new RegExp(commit));
    } finally {
      await victim.close();
      await rm(root, { recursive: true, force: true });
    }
  });

  it('nobody with a wrong token, in any form', async () => {
    const { token } = server.ada;
    const basic = (pair: string) => `Basic ${Buffer.from(pair).toString('base64')}`;
    const wrong = [
      basic(`paas:${mintToken().token}`),
      basic(`paas:${token}x`),
      basic(`paas:${token.slice(0, -1)}`),
      basic(`${token}:`),
      basic(`${token}`),
      basic(':'),
      basic(''),
      `Basic ${token}`,
      'Basic',
      'Basic !!!!',
      `Digest username="paas", response="${token}"`,
      `Bearer ${mintToken().token}`,
      token,
      'x'.repeat(5000),
    ];
    for (const Authorization of wrong) {
      const answer = await ask(server.origin, `/${app.name}.git/git-receive-pack`, {
        method: 'POST',
        headers: { ...receivePack, Authorization },
        body,
      });
      assert.equal(answer.status, 401, Authorization.slice(0, 80));
    }
    assert.equal(await refs(), '');
  });

  it('the owner only, and others get the same answer as for a missing app', async () => {
    const forMallory = (path: string, method = 'GET', headers = {}) =>
      ask(server.origin, path, { method, headers: { Authorization: mallory.basic, ...headers } });
    for (const service of ['git-receive-pack', 'git-upload-pack']) {
      const foreign = await forMallory(advertisement(app.name, service));
      const missing = await forMallory(advertisement('no-such-app', service));
      assert.equal(foreign.status, 404);
      assert.equal(missing.status, 404);
      assert.equal(
        foreign.body.toString().replaceAll(app.name, 'NAME'),
        missing.body.toString().replaceAll('no-such-app', 'NAME'),
      );
      const names = (headers: typeof foreign.headers) => Object.keys(headers).sort();
      assert.deepEqual(names(foreign.headers), names(missing.headers));
    }
    for (const headers of [receivePack, uploadPack]) {
      const service = headers === receivePack ? 'git-receive-pack' : 'git-upload-pack';
      assert.equal((await forMallory(`/${app.name}.git/${service}`, 'POST', headers)).status, 404);
    }
    const theirs = await server.clientOf(app, mallory);
    await theirs.commit({ 'a.txt': 'mine now' });
    const push = await theirs.git('push', 'paas', 'main');
    assert.equal(push.code, 128);
    assert.match(push.stderr, new RegExp(`remote: No app named ${app.name}\\. See your apps: paas apps`));
    assert.equal((await theirs.git('fetch', 'paas')).code, 128);
    assert.equal(await refs(), '');
  });

  it('the owner, whose token is the password, with any user name', async () => {
    const { token, basic } = server.ada;
    for (const name of ['paas', 'x', 'ada@example.com', '']) {
      const Authorization = `Basic ${Buffer.from(`${name}:${token}`).toString('base64')}`;
      assert.equal((await ask(server.origin, advertisement(app.name), { headers: { Authorization } })).status, 200);
    }
    const headers = { Authorization: basic };
    assert.equal((await ask(server.origin, advertisement(app.name).replace('.git', ''), { headers })).status, 200);
  });

  it('a read token can fetch but not push', async () => {
    const { token, prefix, sha256 } = mintToken();
    const accountId = server.ada.account.id;
    await server.store.tokens.create({ accountId, prefix, sha256, description: '', scope: 'read', expiresAt: null });
    const headers = { Authorization: `Basic ${Buffer.from(`paas:${token}`).toString('base64')}` };
    const fetching = await ask(server.origin, advertisement(app.name, 'git-upload-pack'), { headers });
    assert.equal(fetching.status, 200);
    for (const answer of [
      await ask(server.origin, advertisement(app.name), { headers }),
      await ask(server.origin, `/${app.name}.git/git-receive-pack`, {
        method: 'POST',
        headers: { ...receivePack, ...headers },
        body,
      }),
    ]) {
      assert.equal(answer.status, 403);
      assert.match(String(answer.body), /may only read.*paas tokens:create --scope deploy/);
    }
    assert.equal(await refs(), '');
  });

  it('without credentials, the error says what the password is', async () => {
    const stranger = await GitRepo.create();
    try {
      const { code, stderr } = await stranger.git('ls-remote', `${server.origin}/${app.name}.git`);
      assert.equal(code, 128);
      assert.match(stderr, /could not read Username/);
      await stranger.login(server.origin, mintToken().token);
      const wrong = await stranger.git('ls-remote', `${server.origin}/${app.name}.git`);
      assert.match(wrong.stderr, /remote: Log in to push: paas login/);
      assert.match(wrong.stderr, /Authentication failed/);
    } finally {
      await stranger[Symbol.asyncDispose]();
    }
  });

  it('a path that leads elsewhere gets an error', async () => {
    const headers = { Authorization: server.ada.basic };
    for (const name of badAppPaths) {
      // Node's client refuses to send these. The test of the URL forms covers them.
      if (/[^\x21-\x7e]/.test(name)) continue;
      for (const path of [`/${name}.git/info/refs?service=git-receive-pack`, `/${name}/git-receive-pack`]) {
        const answer = await ask(server.origin, path, { headers });
        assert.ok([404, 431].includes(answer.status), `${path.slice(0, 100)}: ${answer.status}`);
      }
    }
    for (const path of ['/HEAD', '/objects/info/packs', '/objects/info/alternates', '/config', '/git-upload-archive']) {
      assert.equal((await ask(server.origin, `/${app.name}.git${path}`, { headers })).status, 404, path);
    }
    assert.equal(
      (await ask(server.origin, `/${app.name}.git/info/refs`, { headers })).status,
      404,
      'the dumb protocol',
    );
  });

  it('other methods, types and encodings get an error that names the right ones', async () => {
    const headers = { Authorization: server.ada.basic };
    const at = `/${app.name}.git/git-receive-pack`;
    assert.equal((await ask(server.origin, at, { headers })).status, 405);
    assert.equal((await ask(server.origin, advertisement(app.name), { headers, method: 'POST' })).status, 405);
    assert.equal((await ask(server.origin, at, { headers, method: 'POST', body })).status, 415);
    const text = { ...headers, 'Content-Type': 'text/plain' };
    assert.equal((await ask(server.origin, at, { headers: text, method: 'POST', body })).status, 415);
    const brotli = { ...headers, ...receivePack, 'Content-Encoding': 'br' };
    assert.equal((await ask(server.origin, at, { headers: brotli, method: 'POST', body })).status, 415);
    const garbage = {
      headers: { ...headers, ...receivePack },
      method: 'POST',
      body: Buffer.from('zzzz this is not git'),
    };
    assert.equal((await ask(server.origin, at, garbage)).status, 400);
    assert.equal(await refs(), '');
  });

  it('the four-byte probe of a client before a large push is answered', async () => {
    const probe = (headers: Readonly<Record<string, string>>) =>
      ask(server.origin, `/${app.name}.git/git-receive-pack`, {
        method: 'POST',
        headers: { ...receivePack, ...headers },
        body: Buffer.from('0000'),
      });
    assert.equal((await probe({})).status, 401);
    const known = await probe({ Authorization: server.ada.basic });
    assert.deepEqual([known.status, known.body.length], [200, 0]);
    assert.equal(known.headers['content-type'], 'application/x-git-receive-pack-result');
  });

  it('the hook accepts only the secret of a running push', async () => {
    const { connect } = await import('node:net');
    const { paths } = await import('../../src/config/settings.ts');
    for (const text of [
      '{"push":"guess","quarantine":""}\n\n',
      'nonsense\n\n',
      '{}\n\n',
      '\n\n',
      'x'.repeat(300_000),
    ]) {
      const answer = await new Promise<string>((resolve) => {
        let heard = '';
        const socket = connect(paths(server.home).hookSocket, () => socket.write(text));
        socket.on('data', (chunk: Buffer) => (heard += chunk.toString()));
        // The server may close the connection while we still write.
        socket.on('error', () => {});
        socket.once('close', () => resolve(heard));
      });
      assert.equal(answer, '');
    }
  });
});
