import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import type { App } from '../../src/domain/app.ts';
import { flushPkt, pktLine } from '../../src/git-receive/pkt-line.ts';
import type { GitRepo } from '../support/git-repo.ts';
import { GitServer } from '../support/git-server.ts';
import { ask, uploadPack } from '../support/raw-git.ts';

describe('a fetch', () => {
  let server: GitServer;
  let app: App;
  let repo: GitRepo;
  let secret: string;
  let main: string;

  before(async () => {
    server = await GitServer.start();
    app = await server.newApp();
    repo = await server.clientOf(app);
    await repo.commit({ 'a.txt': 'hello' });
    await repo.must('push', 'paas', 'main');
    secret = await repo.commit({ 'secret.txt': 'pp_oops' });
    await repo.must('push', 'paas', 'main');
    await repo.must('reset', '-q', '--hard', 'HEAD~1');
    await repo.must('tag', '-a', 'v1', '-m', 'One');
    main = await repo.commit({ 'b.txt': 'better' });
    await repo.must('push', '-q', '--force', 'paas', 'main', 'v1');
  });
  after(() => server[Symbol.asyncDispose]());

  const clone = (into: string, ...options: readonly string[]) =>
    repo.git('clone', '-q', ...options, `${server.origin}/${app.name}.git`, `../${into}`);

  for (const version of [0, 1, 2]) {
    it(`works with protocol version ${version}`, async () => {
      const trace = join(repo.root, `trace${version}`);
      const { code, stderr } = await repo.start(
        ['-c', `protocol.version=${version}`, 'clone', '-q', `${server.origin}/${app.name}.git`, `../v${version}`],
        { env: { GIT_TRACE_PACKET: trace } },
      ).result;
      assert.equal(code, 0, stderr);
      assert.equal(await readFile(join(repo.root, `v${version}`, 'b.txt'), 'utf8'), 'better');
      assert.equal(/< version 2/.test(await readFile(trace, 'utf8')), version === 2);
    });
  }

  it('gets branches, tags and history, even partly, and later pushes', async () => {
    assert.equal((await clone('whole')).code, 0);
    const at = ['-C', join(repo.root, 'whole')];
    assert.equal(await repo.must(...at, 'rev-parse', 'v1^{commit}'), await repo.must('rev-parse', 'v1^{commit}'));
    await repo.must('push', '-q', 'paas', 'main:refs/heads/later');
    await repo.must(...at, 'fetch', '-q', 'origin');
    assert.equal(await repo.must(...at, 'rev-parse', 'origin/later'), main);
    await repo.must(...at, 'fetch', '-q', '--depth=1', 'origin', 'main');
  });

  it('cannot request a commit that was forced away, under any protocol version', async () => {
    const stranger = await server.clientOf(app);
    for (const version of [0, 2]) {
      const { code, stderr } = await stranger.git('-c', `protocol.version=${version}`, 'fetch', 'paas', secret);
      assert.notEqual(code, 0, `version ${version}`);
      assert.match(stderr, /not our ref|unadvertised object/);
    }
    const headers = { ...uploadPack, Authorization: server.ada.basic, 'Git-Protocol': 'version=2' };
    // git reads the first forty hex digits, in either case, and ignores the rest.
    for (const wanted of [secret, secret.toUpperCase(), `${main}\n`, `${secret}00`, `${secret} x`, `${secret}\0x`]) {
      const wants = [...new Set([main, wanted.trim()])].map((id) => pktLine(`want ${id}\n`));
      const body = Buffer.concat([
        pktLine('command=fetch'),
        Buffer.from('0001'),
        ...wants,
        pktLine('done\n'),
        flushPkt,
      ]);
      for (const encoding of [{}, { 'Content-Encoding': 'gzip' }]) {
        const answer = await ask(server.origin, `/${app.name}.git/git-upload-pack`, {
          method: 'POST',
          headers: { ...headers, ...encoding },
          body: 'Content-Encoding' in encoding ? gzipSync(body) : body,
        });
        const mayHave = wants.length === 1;
        assert.match(
          answer.body.toString('latin1'),
          mayHave ? /^000dpackfile/ : /^[0-9a-f]{4}ERR upload-pack: not our/,
        );
      }
    }
  });

  it('supports no filter and no archive, and lists only branches and tags', async () => {
    const refs = await repo.must('ls-remote', 'paas');
    assert.deepEqual(
      refs.split('\n').map((line) => line.split('\t')[1]),
      ['HEAD', 'refs/heads/later', 'refs/heads/main', 'refs/tags/v1', 'refs/tags/v1^{}'],
    );
    const partial = await clone('partial', '--filter=blob:none');
    assert.match(partial.stderr, /filtering not recognized by server/);
  });

  it('is refused with an unknown protocol or an invalid body', async () => {
    const headers = { Authorization: server.ada.basic };
    const advertisement = `/${app.name}.git/info/refs?service=git-upload-pack`;
    for (const protocol of ['version=2\r\nX: y', 'version=2;id', '$(id)', 'x'.repeat(65), 'VERSION=2']) {
      const answer = await ask(server.origin, advertisement, {
        headers: { ...headers, 'Git-Protocol': protocol.replace(/[\r\n]/g, '') },
      });
      assert.equal(answer.status, 200);
      assert.match(answer.body.toString(), /^001e# service=git-upload-pack\n0000/, 'version 0');
    }
    const at = `/${app.name}.git/git-upload-pack`;
    const post = (body: Buffer, more = {}) =>
      ask(server.origin, at, { method: 'POST', headers: { ...headers, ...uploadPack, ...more }, body });
    assert.equal((await post(Buffer.from('zzzz'))).status, 400);
    assert.equal((await post(gzipSync(Buffer.alloc(64 * 1024 * 1024)), { 'Content-Encoding': 'gzip' })).status, 413);
    assert.equal((await post(Buffer.from('not gzip'), { 'Content-Encoding': 'gzip' })).status, 400);
  });
});
