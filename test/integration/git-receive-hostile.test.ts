import assert from 'node:assert/strict';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { after, before, describe, it } from 'node:test';
import { constants, createDeflate, createGzip } from 'node:zlib';
import { paths } from '../../src/config.ts';
import type { App } from '../../src/domain/app.ts';
import { environment } from '../../src/environment.ts';
import type { GitRepo } from '../support/git-repo.ts';
import { GitServer } from '../support/git-server.ts';
import {
  ask,
  blobOf,
  commitOf,
  deltaBomb,
  entryHeader,
  type GitObject,
  idOf,
  type PackEntry,
  pushBody,
  receivePack,
  treeOf,
  writePack,
} from '../support/raw-git.ts';

const mebibyte = 1024 * 1024;
const packLimit = 8 * mebibyte;

describe('a hostile push', () => {
  let server: GitServer;
  let app: App;
  let repo: GitRepo;

  before(async () => {
    server = await GitServer.start({ packBytes: packLimit });
  });
  after(() => server[Symbol.asyncDispose]());

  async function fresh(): Promise<void> {
    app = await server.newApp();
    repo = await server.clientOf(app);
    server.requests.length = 0;
  }

  function post(body: Buffer | Readable, headers: Readonly<Record<string, string>> = {}) {
    return ask(server.origin, `/${app.name}.git/git-receive-pack`, {
      method: 'POST',
      headers: { ...receivePack, Authorization: server.ada.basic, ...headers },
      body,
    });
  }

  async function pushObjects(objects: readonly (GitObject | PackEntry)[], newId: string, ref = 'refs/heads/main') {
    const { status, body } = await post(pushBody([{ ref, newId }], writePack(objects)));
    assert.equal(status, 200);
    return body.toString();
  }

  async function nothingWasKept(): Promise<void> {
    assert.equal(await server.inRepository(app, 'for-each-ref'), '');
    assert.deepEqual(await server.objectFiles(app), []);
    assert.deepEqual(server.requests, []);
  }

  it('over the size limit is told the number, and leaves nothing behind', async () => {
    await fresh();
    const { randomBytes } = await import('node:crypto');
    await repo.commit({ 'noise.bin': randomBytes(packLimit + 4096) });
    const { code, stderr } = await repo.git('push', 'paas', 'main');
    assert.equal(code, 1, stderr);
    assert.match(stderr, /This push has more than 8 MiB, which is the limit for one push/);
    assert.match(stderr, /remote rejected/);
    await nothingWasKept();
    const far = await repo.commit({ 'noise.bin': randomBytes(packLimit * 3) });
    const more = await repo.git('push', 'paas', `${far}:refs/heads/main`);
    assert.match(more.stderr, /more than 8 MiB/);
    await nothingWasKept();
  });

  it('that announces more than the limit is refused before git is started', async () => {
    await fresh();
    const { status } = await post(Buffer.alloc(0), { 'Content-Length': String(packLimit * 2) }).catch(() => ({
      status: 413,
    }));
    assert.equal(status, 413);
    await nothingWasKept();
  });

  it('that unpacks from gzip to a gigabyte costs the platform no memory', async () => {
    await fresh();
    const before = process.memoryUsage.rss();
    let peak = before;
    const timer = setInterval(() => (peak = Math.max(peak, process.memoryUsage.rss())), 10);
    const zeros = Readable.from(
      (function* () {
        for (let sent = 0; sent < 1024; sent += 1) yield Buffer.alloc(mebibyte);
      })(),
    );
    const bomb: Buffer[] = [];
    for await (const chunk of zeros.pipe(createGzip({ level: 1 }))) bomb.push(chunk as Buffer);
    const started = process.memoryUsage.rss();
    peak = started;
    const body = Buffer.concat([...bomb]);
    const { status } = await post(body, { 'Content-Encoding': 'gzip' }).catch(() => ({ status: 400 }));
    clearInterval(timer);
    assert.ok(status === 200 || status === 400 || status === 413, String(status));
    assert.ok(peak - started < 50 * mebibyte, `${Math.round((peak - started) / mebibyte)} MiB more`);
    await nothingWasKept();
  });

  it('in gzip is understood, and broken gzip is refused', async () => {
    await fresh();
    const blob = blobOf('hello');
    const tree = treeOf([{ mode: '100644', name: 'a', id: idOf(blob) }]);
    const commit = commitOf(idOf(tree));
    const body = pushBody([{ ref: 'refs/heads/main', newId: idOf(commit) }], writePack([blob, tree, commit]));
    const { gzipSync } = await import('node:zlib');
    const zipped = gzipSync(body);
    const half = await post(zipped.subarray(0, zipped.length / 2), { 'Content-Encoding': 'gzip' });
    // By then git may have begun to answer.
    assert.match(`${half.status} ${half.body}`, /^400|unpack /);
    const wrong = await post(body, { 'Content-Encoding': 'gzip' });
    assert.equal(wrong.status, 400);
    await nothingWasKept();
    const whole = await post(zipped, { 'Content-Encoding': 'gzip' });
    assert.match(whole.body.toString(), /ok refs\/heads\/main/);
  });

  it('with a small file that unpacks to half a gigabyte costs git no memory', async () => {
    await fresh();
    const size = 500 * mebibyte;
    const deflated = await deflateZeros(size);
    assert.ok(deflated.length < 4 * mebibyte);
    const id = await idOfZeros('blob', size);
    const tree = treeOf([{ mode: '100644', name: 'zeros', id }]);
    const commit = commitOf(idOf(tree));
    const watch = watchGit(server.home);
    const answer = await pushObjects([{ header: entryHeader(3, size), deflated }, tree, commit], idOf(commit));
    const peak = watch.stop();
    assert.ok(peak > 0, 'git was seen');
    // 500 MiB is below the limit for a tree; what counts here is what it cost.
    assert.match(answer, /ok refs\/heads\/main/);
    assert.ok(peak < 64 * mebibyte, `git held ${Math.round(peak / mebibyte)} MiB`);
  });

  it('with a commit or a delta that unpacks to gigabytes ends git, not the machine', async () => {
    await fresh();
    const size = 2048 * mebibyte;
    const watch = watchGit(server.home);
    const commitBomb: PackEntry = { header: entryHeader(1, size), deflated: await deflateZeros(size) };
    assert.match(await pushObjects([commitBomb], 'a'.repeat(40)), /unpack /);
    const base = blobOf(Buffer.alloc(mebibyte, 'x'));
    const bomb = deltaBomb(idOf(base), { baseSize: mebibyte, length: mebibyte, copies: 2048 });
    assert.match(await pushObjects([base, bomb], 'a'.repeat(40)), /unpack /);
    const peak = watch.stop();
    assert.ok(peak < 900 * mebibyte, `git held ${Math.round(peak / mebibyte)} MiB`);
    await nothingWasKept();
  });

  it('with a tree of ten thousand million files is told the limit, and never walked', { timeout: 60_000 }, async () => {
    await fresh();
    const blob = blobOf('x');
    const objects: GitObject[] = [blob];
    let entry = { mode: '100644', id: idOf(blob) };
    for (let level = 0; level < 10; level += 1) {
      const tree = treeOf('0123456789'.split('').map((name) => ({ ...entry, name })));
      objects.push(tree);
      entry = { mode: '40000', id: idOf(tree) };
    }
    const commit = commitOf(entry.id);
    const answer = await pushObjects([...objects, commit], idOf(commit));
    assert.match(answer, /The source has more than 100,000 files and folders/);
    assert.match(answer, /ng refs\/heads\/main pre-receive hook declined/);
    await nothingWasKept();
  });

  it('with a tree of folders without a file in them is no way around that', async () => {
    await fresh();
    const empty = treeOf([]);
    const objects: GitObject[] = [empty];
    let id = idOf(empty);
    for (let level = 0; level < 10; level += 1) {
      const tree = treeOf('0123456789'.split('').map((name) => ({ mode: '40000', name, id })));
      objects.push(tree);
      id = idOf(tree);
    }
    const commit = commitOf(id);
    assert.match(await pushObjects([...objects, commit], idOf(commit)), /more than 100,000 files and folders/);
    await nothingWasKept();
  });

  it('with folders nested too deep, or files too large together, is told so', async () => {
    await fresh();
    const blob = blobOf('x');
    const objects: GitObject[] = [blob];
    let entry = { mode: '100644', id: idOf(blob) };
    for (let level = 0; level < 50; level += 1) {
      const tree = treeOf([{ ...entry, name: 'd'.repeat(200) }]);
      objects.push(tree);
      entry = { mode: '40000', id: idOf(tree) };
    }
    const deep = commitOf(entry.id);
    assert.match(await pushObjects([...objects, deep], idOf(deep)), /a path of more than 4,096 bytes/);
    const size = 300 * mebibyte;
    const names = ['a', 'b', 'c', 'd'];
    const big = { header: entryHeader(3, size), deflated: await deflateZeros(size) };
    const tree = treeOf(
      await Promise.all(names.map(async (name) => ({ mode: '100644', name, id: await idOfZeros('blob', size) }))),
    );
    const heavy = commitOf(idOf(tree));
    const answer = await pushObjects([big, tree, heavy], idOf(heavy));
    assert.match(answer, /more than 1,024 MiB \(1,200 MiB with "d", file 4\)/);
    await nothingWasKept();
  });

  it('with objects that have broken into gits before is refused', async () => {
    await fresh();
    const blob = blobOf('x');
    const modules = blobOf('[submodule "a"]\n\tpath = a\n\turl = --upload-pack=touch /tmp/owned\n');
    const target = blobOf('/etc/passwd');
    const inner = treeOf([{ mode: '100644', name: 'config', id: idOf(blob) }]);
    const cases: Readonly<Record<string, readonly [GitObject, ...GitObject[]]>> = {
      gitmodulesUrl: [treeOf([{ mode: '100644', name: '.gitmodules', id: idOf(modules) }]), modules],
      gitmodulesSymlink: [treeOf([{ mode: '120000', name: '.gitmodules', id: idOf(target) }]), target],
      hasDotgit: [treeOf([{ mode: '40000', name: '.git', id: idOf(inner) }]), inner, blob],
      'hasDotgit|hasDot': [treeOf([{ mode: '40000', name: '.GIT', id: idOf(inner) }]), inner, blob],
      hasDotdot: [treeOf([{ mode: '40000', name: '..', id: idOf(inner) }]), inner, blob],
      fullPathname: [treeOf([{ mode: '100644', name: 'a/b', id: idOf(blob) }]), blob],
      duplicateEntries: [
        treeOf([
          { mode: '100644', name: 'a', id: idOf(blob) },
          { mode: '100644', name: 'a', id: idOf(blob) },
        ]),
        blob,
      ],
      nullSha1: [treeOf([{ mode: '100644', name: 'a', id: '0'.repeat(40) }])],
    };
    for (const [finding, [tree, ...others]] of Object.entries(cases)) {
      const commit = commitOf(idOf(tree));
      const answer = await pushObjects([tree, ...others, commit], idOf(commit));
      assert.match(answer, new RegExp(`${finding}|missing necessary objects`), finding);
      assert.match(answer, /ng refs\/heads\/main/, finding);
      await nothingWasKept();
    }
  });

  it('with the small mistakes of old repositories is accepted', async () => {
    await fresh();
    const blob = blobOf('x');
    const inner = treeOf([{ mode: '100644', name: 'a', id: idOf(blob) }]);
    const tree = treeOf([{ mode: '040000', name: 'padded', id: idOf(inner) }]);
    const commits = [
      commitOf(idOf(tree)),
      commitOf(idOf(inner), { author: 'Ada <ada@example.com>1700000000 +0000' }),
      commitOf(idOf(inner), { author: 'Ada <ada@example.com> 1700000000 +051800' }),
    ];
    for (const [index, commit] of commits.entries()) {
      const answer = await pushObjects([blob, inner, tree, commit], idOf(commit), `refs/heads/old${index}`);
      assert.match(answer, new RegExp(`ok refs/heads/old${index}`), answer);
    }
  });

  it('to a ref that is hidden, or none, is refused', async () => {
    await fresh();
    const objects = simpleCommit();
    const newId = idOf(objects[2]);
    for (const ref of [
      'refs/paas/x',
      'refs/pull/1/head',
      'refs/notes/x',
      'refs/replace/x',
      'HEAD',
      'refs/heads',
      'config',
      'refs/heads/../x',
      'refs/heads/a..b',
      'refs/heads/x.lock',
      'refs/heads/',
    ]) {
      const { body } = await post(pushBody([{ ref, newId }], writePack(objects)));
      assert.doesNotMatch(body.toString(), new RegExp(`ok ${ref}`), ref);
    }
    await nothingWasKept();
  });

  it('of ten thousand refs is refused by their number', async () => {
    await fresh();
    const objects = simpleCommit();
    const newId = idOf(objects[2]);
    const many = (count: number, prefix: string) =>
      Array.from({ length: count }, (_, number) => ({ ref: `${prefix}${number}`, newId }));
    for (const [count, prefix] of [
      [101, 'refs/heads/b'],
      [10_000, 'refs/heads/b'],
      [150, `refs/heads/${'x/'.repeat(1500)}`],
    ] as const) {
      const { body } = await post(pushBody(many(count, prefix), writePack(objects)));
      assert.match(body.toString(), /refs, and 100 is the limit/);
    }
    await nothingWasKept();
    const hundred = await post(pushBody(many(100, 'refs/heads/b'), writePack(objects)));
    assert.equal(hundred.body.toString().match(/ok refs\/heads\/b/g)?.length, 100);
  });

  it('with a branch whose name is a command runs nothing', async () => {
    await fresh();
    await repo.commit({ 'a.txt': 'hello' });
    const canary = join(repo.root, 'canary');
    const names = [
      '-x',
      '--upload-pack=x',
      'a;id',
      '$(touch${IFS}CANARY)',
      '`touch${IFS}CANARY`',
      'a|b',
      'a&b',
      "a'b",
      'a"b',
      'a<b>c',
      'a$IFS',
      '{a,b}',
      '%0a',
      'a!b',
      '#a',
      'main;x',
      'mäin',
    ].map((name) => name.replace('CANARY', canary.replaceAll('/', '\u2215')));
    const { code, stderr } = await repo.git('push', 'paas', ...names.map((name) => `HEAD:refs/heads/${name}`));
    assert.equal(code, 0, stderr);
    assert.deepEqual(server.requests, []);
    const kept = (
      await server.inRepository(app, '-c', 'core.quotePath=false', 'for-each-ref', '--format=%(refname:lstrip=2)')
    ).split('\n');
    assert.deepEqual([...kept].sort(), [...names].sort());
    await assert.rejects(stat(canary));
    const nothing = await repo.git('push', 'paas', 'HEAD:refs/heads/main/deep');
    assert.match(nothing.stderr, /main\/deep cannot be kept beside main/);
  });

  it('changes neither the configuration nor the hooks nor HEAD of its repository', async () => {
    await fresh();
    const at = server.repositoryOf(app);
    const files = ['config', 'HEAD'];
    const before = await Promise.all(files.map((name) => readFile(join(at, name), 'utf8')));
    const hook = await readFile(join(paths(server.home).hooks, 'pre-receive'), 'utf8');
    await repo.commit({ 'hooks/pre-receive': '#!/bin/sh\nexit 0\n', config: '[core]\n\tsshCommand = evil\n' });
    await repo.must('push', 'paas', 'main');
    assert.deepEqual(await Promise.all(files.map((name) => readFile(join(at, name), 'utf8'))), before);
    assert.equal(await readFile(join(paths(server.home).hooks, 'pre-receive'), 'utf8'), hook);
    assert.equal(hook, await readFile(new URL('../../hooks/pre-receive', import.meta.url), 'utf8'));
    assert.deepEqual(readdirSync(at).sort(), ['HEAD', 'config', 'objects', 'refs']);
    if (process.getuid?.() !== 0) return;
    for (const name of [at, ...files.map((file) => join(at, file)), paths(server.home).hooks]) {
      assert.equal((await stat(name)).uid, 0, name);
    }
    assert.equal((await stat(at)).mode & 0o7777, 0o1770);
    assert.equal((await stat(join(at, 'objects', 'pack'))).uid, 10_002);
  });

  it('learns nothing of the platform from its environment, and runs as nobody in particular', async () => {
    await fresh();
    process.env.PAAS_CANARY = 'leaked';
    const hook = join(paths(server.home).hooks, 'pre-receive');
    const ours = await readFile(hook);
    await writeFile(
      hook,
      '#!/bin/sh\nenv\necho; id\ncat /proc/self/limits\necho goes first: $(cat /proc/self/oom_score_adj)\nexit 1\n',
    );
    try {
      await repo.commit({ 'a.txt': 'hello' });
      const { stderr } = await repo.git('push', 'paas', 'main');
      const lines = stderr
        .split('\n')
        .filter((line) => line.startsWith('remote: '))
        .map((line) => line.slice('remote: '.length).trimEnd());
      assert.ok(!stderr.includes('leaked'));
      const names = lines
        .slice(0, 60)
        .map((line) => /^([A-Z_][A-Z0-9_]*)=/.exec(line)?.[1])
        .filter((name) => name !== undefined);
      const expected = new Set([
        'PATH',
        'HOME',
        'LC_ALL',
        'PWD',
        'OLDPWD',
        'SHLVL',
        '_',
        'PAAS_PUSH_ID',
        'PAAS_HOOK_SOCKET',
      ]);
      assert.deepEqual(
        names.filter((name) => !expected.has(name) && !name.startsWith('GIT_')),
        [],
      );
      assert.ok(names.includes('PAAS_PUSH_ID'), stderr);
      if (process.getuid?.() === 0) assert.match(stderr, /uid=10002 gid=10002 groups=10002/);
      if (environment().PATH?.includes('/usr/bin')) assert.match(stderr, /Max data size +805306368/);
      assert.match(stderr, /goes first: 1000/, 'when the host runs out of memory, git goes before any app');
    } finally {
      await writeFile(hook, ours);
      delete process.env.PAAS_CANARY;
    }
  });

  it('cannot borrow the objects of another repository', async () => {
    await fresh();
    await repo.commit({ 'a.txt': 'hello' });
    const other = await server.newApp();
    await writeFile(
      join(server.repositoryOf(app), 'objects/info/alternates'),
      `${server.repositoryOf(other)}/objects\n`,
    );
    const { code, stderr } = await repo.git('push', 'paas', 'main');
    assert.notEqual(code, 0);
    assert.match(stderr, /Internal error/);
    assert.deepEqual(server.requests, []);
  });
});

function simpleCommit(): readonly [GitObject, GitObject, GitObject] {
  const blob = blobOf('hello');
  const tree = treeOf([{ mode: '100644', name: 'a', id: idOf(blob) }]);
  return [blob, tree, commitOf(idOf(tree))];
}

function zeros(size: number): Readable {
  return Readable.from(
    (function* () {
      for (let left = size; left > 0; left -= mebibyte) yield Buffer.alloc(Math.min(left, mebibyte));
    })(),
  );
}

async function deflateZeros(size: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of zeros(size).pipe(createDeflate({ level: constants.Z_BEST_SPEED })))
    chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

async function idOfZeros(type: string, size: number): Promise<string> {
  const { createHash } = await import('node:crypto');
  const hash = createHash('sha1').update(`${type} ${size}\0`);
  for await (const chunk of zeros(size)) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

/** The most memory that one git process in a repository below `home` held, in bytes. */
function watchGit(home: string): { stop(): number } {
  let peak = 0;
  const look = () => {
    for (const name of readdirSync('/proc')) {
      if (!/^\d+$/.test(name)) continue;
      try {
        const status = readFileSync(`/proc/${name}/status`, 'utf8');
        if (!/^Name:\tgit/.test(status) || !readlinkSync(`/proc/${name}/cwd`).startsWith(home)) continue;
        peak = Math.max(peak, Number(/^VmHWM:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) * 1024);
      } catch {
        // It has ended.
      }
    }
  };
  const timer = setInterval(look, 20);
  return {
    stop() {
      look();
      clearInterval(timer);
      return peak;
    },
  };
}
