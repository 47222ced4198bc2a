import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { environment } from '../../src/config/environment.ts';
import { paths } from '../../src/config/settings.ts';
import { isRoot } from '../../src/system/privileges.ts';
import { HostilePusher } from '../support/hostile-pusher.ts';
import { blobOf, commitOf, type GitObject, idOf, pushBody, treeOf, writePack } from '../support/raw-git.ts';

describe('a hostile push', () => {
  let pusher: HostilePusher;
  before(async () => {
    pusher = await HostilePusher.start();
  });
  after(() => pusher[Symbol.asyncDispose]());

  it('with objects of known git attacks is refused', async () => {
    await pusher.fresh();
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
      const answer = await pusher.pushObjects([tree, ...others, commit], idOf(commit));
      assert.match(answer, new RegExp(`${finding}|missing necessary objects`), finding);
      assert.match(answer, /ng refs\/heads\/main/, finding);
      await pusher.nothingWasKept();
    }
  });

  it('with the small errors of old repositories is accepted', async () => {
    await pusher.fresh();
    const blob = blobOf('x');
    const inner = treeOf([{ mode: '100644', name: 'a', id: idOf(blob) }]);
    const tree = treeOf([{ mode: '040000', name: 'padded', id: idOf(inner) }]);
    const commits = [
      commitOf(idOf(tree)),
      commitOf(idOf(inner), { author: 'Ada <ada@example.com>1700000000 +0000' }),
      commitOf(idOf(inner), { author: 'Ada <ada@example.com> 1700000000 +051800' }),
    ];
    for (const [index, commit] of commits.entries()) {
      const answer = await pusher.pushObjects([blob, inner, tree, commit], idOf(commit), `refs/heads/old${index}`);
      assert.match(answer, new RegExp(`ok refs/heads/old${index}`), answer);
    }
  });

  it('to a hidden or invalid ref is refused', async () => {
    await pusher.fresh();
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
      const { body } = await pusher.post(pushBody([{ ref, newId }], writePack(objects)));
      assert.doesNotMatch(body.toString(), new RegExp(`ok ${ref}`), ref);
    }
    await pusher.nothingWasKept();
  });

  it('of ten thousand refs is refused because of their number', async () => {
    await pusher.fresh();
    const objects = simpleCommit();
    const newId = idOf(objects[2]);
    const many = (count: number, prefix: string) =>
      Array.from({ length: count }, (_, number) => ({ ref: `${prefix}${number}`, newId }));
    for (const [count, prefix] of [
      [101, 'refs/heads/b'],
      [10_000, 'refs/heads/b'],
      [150, `refs/heads/${'x/'.repeat(1500)}`],
    ] as const) {
      const { body } = await pusher.post(pushBody(many(count, prefix), writePack(objects)));
      assert.match(body.toString(), /refs, and 100 is the limit/);
    }
    await pusher.nothingWasKept();
    const hundred = await pusher.post(pushBody(many(100, 'refs/heads/b'), writePack(objects)));
    assert.equal(hundred.body.toString().match(/ok refs\/heads\/b/g)?.length, 100);
  });

  it('with a branch whose name is a command runs nothing', async () => {
    await pusher.fresh();
    await pusher.repo.commit({ 'a.txt': 'hello' });
    const canary = join(pusher.repo.root, 'canary');
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
    const { code, stderr } = await pusher.repo.git('push', 'paas', ...names.map((name) => `HEAD:refs/heads/${name}`));
    assert.equal(code, 0, stderr);
    assert.deepEqual(pusher.server.requests, []);
    const kept = (
      await pusher.server.inRepository(
        pusher.app,
        '-c',
        'core.quotePath=false',
        'for-each-ref',
        '--format=%(refname:lstrip=2)',
      )
    ).split('\n');
    assert.deepEqual([...kept].sort(), [...names].sort());
    await assert.rejects(stat(canary));
    const nothing = await pusher.repo.git('push', 'paas', 'HEAD:refs/heads/main/deep');
    assert.match(nothing.stderr, /main\/deep cannot exist beside main/);
  });

  it('changes neither the configuration nor the hooks nor HEAD of its repository', async () => {
    await pusher.fresh();
    const at = pusher.server.repositoryOf(pusher.app);
    const files = ['config', 'HEAD'];
    const before = await Promise.all(files.map((name) => readFile(join(at, name), 'utf8')));
    const hook = await readFile(join(paths(pusher.server.home).hooks, 'pre-receive'), 'utf8');
    await pusher.repo.commit({ 'hooks/pre-receive': '#!/bin/sh\nexit 0\n', config: '[core]\n\tsshCommand = evil\n' });
    await pusher.repo.must('push', 'paas', 'main');
    assert.deepEqual(await Promise.all(files.map((name) => readFile(join(at, name), 'utf8'))), before);
    assert.equal(await readFile(join(paths(pusher.server.home).hooks, 'pre-receive'), 'utf8'), hook);
    assert.equal(hook, await readFile(new URL('../../hooks/pre-receive', import.meta.url), 'utf8'));
    assert.deepEqual(readdirSync(at).sort(), ['HEAD', 'config', 'objects', 'refs']);
    if (!isRoot()) return;
    for (const name of [at, ...files.map((file) => join(at, file)), paths(pusher.server.home).hooks]) {
      assert.equal((await stat(name)).uid, 0, name);
    }
    assert.equal((await stat(at)).mode & 0o7777, 0o1770);
    assert.equal((await stat(join(at, 'objects', 'pack'))).uid, 10_002);
  });

  it('sees nothing of the platform in its environment, and has no special rights', async () => {
    await pusher.fresh();
    process.env.PAAS_CANARY = 'leaked';
    const hook = join(paths(pusher.server.home).hooks, 'pre-receive');
    const ours = await readFile(hook);
    await writeFile(
      hook,
      '#!/bin/sh\nenv\necho; id\ncat /proc/self/limits\necho goes first: $(cat /proc/self/oom_score_adj)\nexit 1\n',
    );
    try {
      await pusher.repo.commit({ 'a.txt': 'hello' });
      const { stderr } = await pusher.repo.git('push', 'paas', 'main');
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
      if (isRoot()) assert.match(stderr, /uid=10002 gid=10002 groups=10002/);
      if (environment().PATH?.includes('/usr/bin')) assert.match(stderr, /Max data size +805306368/);
      assert.match(stderr, /goes first: 1000/, 'when the host runs out of memory, git goes before any app');
    } finally {
      await writeFile(hook, ours);
      delete process.env.PAAS_CANARY;
    }
  });

  it('cannot use the objects of another repository', async () => {
    await pusher.fresh();
    await pusher.repo.commit({ 'a.txt': 'hello' });
    const other = await pusher.server.newApp();
    await writeFile(
      join(pusher.server.repositoryOf(pusher.app), 'objects/info/alternates'),
      `${pusher.server.repositoryOf(other)}/objects\n`,
    );
    const { code, stderr } = await pusher.repo.git('push', 'paas', 'main');
    assert.notEqual(code, 0);
    assert.match(stderr, /Internal error/);
    assert.deepEqual(pusher.server.requests, []);
  });
});

function simpleCommit(): readonly [GitObject, GitObject, GitObject] {
  const blob = blobOf('hello');
  const tree = treeOf([{ mode: '100644', name: 'a', id: idOf(blob) }]);
  return [blob, tree, commitOf(idOf(tree))];
}
