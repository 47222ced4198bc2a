import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { Readable, type Transform } from 'node:stream';
import { after, before, describe, it } from 'node:test';
import { constants, createDeflate, createGzip, gzipSync } from 'node:zlib';
import { scaled } from '../support/deadline.ts';
import { HostilePusher } from '../support/hostile-pusher.ts';
import {
  blobOf,
  commitOf,
  deltaBomb,
  entryHeader,
  type GitObject,
  idOf,
  type PackEntry,
  pushBody,
  treeOf,
  writePack,
} from '../support/raw-git.ts';

const mebibyte = 1024 * 1024;
const packLimit = 8 * mebibyte;

describe('a push that is larger than it looks', () => {
  let pusher: HostilePusher;
  before(async () => {
    pusher = await HostilePusher.start({ packBytes: packLimit });
  });
  after(() => pusher[Symbol.asyncDispose]());

  it('over the size limit is refused with the limit, and leaves nothing behind', async () => {
    await pusher.fresh();
    await pusher.repo.commit({ 'noise.bin': randomBytes(packLimit + 4096) });
    const { code, stderr } = await pusher.repo.git('push', 'paas', 'main');
    assert.equal(code, 1, stderr);
    assert.match(stderr, /This push has more than 8 MiB, which is the limit for one push/);
    assert.match(stderr, /remote rejected/);
    await pusher.nothingWasKept();
    const far = await pusher.repo.commit({ 'noise.bin': randomBytes(packLimit * 3) });
    const more = await pusher.repo.git('push', 'paas', `${far}:refs/heads/main`);
    assert.match(more.stderr, /more than 8 MiB/);
    await pusher.nothingWasKept();
  });

  it('with a Content-Length over the limit is refused before git starts', async () => {
    await pusher.fresh();
    const { status } = await pusher.post(Buffer.alloc(0), { 'Content-Length': String(packLimit * 2) }).catch(() => ({
      status: 413,
    }));
    assert.equal(status, 413);
    await pusher.nothingWasKept();
  });

  it('of gzip that expands to a gigabyte costs the platform no memory', async () => {
    await pusher.fresh();
    const body = await squeezed(zeros(1024 * mebibyte), createGzip({ level: 1 }));
    const started = process.memoryUsage.rss();
    let peak = started;
    const timer = setInterval(() => (peak = Math.max(peak, process.memoryUsage.rss())), 10);
    const { status } = await pusher.post(body, { 'Content-Encoding': 'gzip' }).catch(() => ({ status: 400 }));
    clearInterval(timer);
    assert.ok(status === 200 || status === 400 || status === 413, String(status));
    assert.ok(peak - started < 50 * mebibyte, `${Math.round((peak - started) / mebibyte)} MiB more`);
    await pusher.nothingWasKept();
  });

  it('in gzip is accepted, and broken gzip is refused', async () => {
    await pusher.fresh();
    const blob = blobOf('hello');
    const tree = treeOf([{ mode: '100644', name: 'a', id: idOf(blob) }]);
    const commit = commitOf(idOf(tree));
    const body = pushBody([{ ref: 'refs/heads/main', newId: idOf(commit) }], writePack([blob, tree, commit]));
    const zipped = gzipSync(body);
    const half = await pusher.post(zipped.subarray(0, zipped.length / 2), { 'Content-Encoding': 'gzip' });
    // git may have begun to answer by then.
    assert.match(`${half.status} ${half.body}`, /^400|unpack /);
    const wrong = await pusher.post(body, { 'Content-Encoding': 'gzip' });
    assert.equal(wrong.status, 400);
    await pusher.nothingWasKept();
    const whole = await pusher.post(zipped, { 'Content-Encoding': 'gzip' });
    assert.match(whole.body.toString(), /ok refs\/heads\/main/);
  });

  it('with a small file that expands to half a gigabyte costs git no memory', async () => {
    await pusher.fresh();
    const size = 500 * mebibyte;
    const deflated = await deflateZeros(size);
    assert.ok(deflated.length < 4 * mebibyte);
    const id = await idOfZeros('blob', size);
    const tree = treeOf([{ mode: '100644', name: 'zeros', id }]);
    const commit = commitOf(idOf(tree));
    const watch = watchGit(pusher.server.home);
    const answer = await pusher.pushObjects([{ header: entryHeader(3, size), deflated }, tree, commit], idOf(commit));
    const peak = watch.stop();
    assert.ok(peak > 0, 'git was seen');
    // 500 MiB is below the limit for a tree. This test checks the memory it costs.
    assert.match(answer, /ok refs\/heads\/main/);
    assert.ok(peak < 64 * mebibyte, `git held ${Math.round(peak / mebibyte)} MiB`);
  });

  it('with a commit or a delta that expands to gigabytes ends git, not the machine', async () => {
    await pusher.fresh();
    const size = 2048 * mebibyte;
    const watch = watchGit(pusher.server.home);
    const commitBomb: PackEntry = { header: entryHeader(1, size), deflated: await deflateZeros(size) };
    assert.match(await pusher.pushObjects([commitBomb], 'a'.repeat(40)), /unpack /);
    const base = blobOf(Buffer.alloc(mebibyte, 'x'));
    const bomb = deltaBomb(idOf(base), { baseSize: mebibyte, length: mebibyte, copies: 2048 });
    assert.match(await pusher.pushObjects([base, bomb], 'a'.repeat(40)), /unpack /);
    const peak = watch.stop();
    assert.ok(peak < 900 * mebibyte, `git held ${Math.round(peak / mebibyte)} MiB`);
    await pusher.nothingWasKept();
  });

  it('with a tree of ten thousand million files is refused with the limit, and never walked', {
    timeout: scaled(60_000),
  }, async () => {
    await pusher.fresh();
    const blob = blobOf('x');
    const objects: GitObject[] = [blob];
    let entry = { mode: '100644', id: idOf(blob) };
    for (let level = 0; level < 10; level += 1) {
      const tree = treeOf('0123456789'.split('').map((name) => ({ ...entry, name })));
      objects.push(tree);
      entry = { mode: '40000', id: idOf(tree) };
    }
    const commit = commitOf(entry.id);
    const answer = await pusher.pushObjects([...objects, commit], idOf(commit));
    assert.match(answer, /The source has more than 100,000 files and folders/);
    assert.match(answer, /ng refs\/heads\/main pre-receive hook declined/);
    await pusher.nothingWasKept();
  });

  it('with a tree of empty folders is refused too', async () => {
    await pusher.fresh();
    const empty = treeOf([]);
    const objects: GitObject[] = [empty];
    let id = idOf(empty);
    for (let level = 0; level < 10; level += 1) {
      const tree = treeOf('0123456789'.split('').map((name) => ({ mode: '40000', name, id })));
      objects.push(tree);
      id = idOf(tree);
    }
    const commit = commitOf(id);
    assert.match(await pusher.pushObjects([...objects, commit], idOf(commit)), /more than 100,000 files and folders/);
    await pusher.nothingWasKept();
  });

  it('with folders nested too deep, or files too large in total, is refused with the reason', async () => {
    await pusher.fresh();
    const blob = blobOf('x');
    const objects: GitObject[] = [blob];
    let entry = { mode: '100644', id: idOf(blob) };
    for (let level = 0; level < 50; level += 1) {
      const tree = treeOf([{ ...entry, name: 'd'.repeat(200) }]);
      objects.push(tree);
      entry = { mode: '40000', id: idOf(tree) };
    }
    const deep = commitOf(entry.id);
    assert.match(await pusher.pushObjects([...objects, deep], idOf(deep)), /a path of more than 4,096 bytes/);
    const size = 300 * mebibyte;
    const names = ['a', 'b', 'c', 'd'];
    const big = { header: entryHeader(3, size), deflated: await deflateZeros(size) };
    const tree = treeOf(
      await Promise.all(names.map(async (name) => ({ mode: '100644', name, id: await idOfZeros('blob', size) }))),
    );
    const heavy = commitOf(idOf(tree));
    const answer = await pusher.pushObjects([big, tree, heavy], idOf(heavy));
    assert.match(answer, /more than 1,024 MiB \(1,200 MiB with "d", file 4\)/);
    await pusher.nothingWasKept();
  });
});

function zeros(size: number): Readable {
  return Readable.from(
    (function* () {
      for (let left = size; left > 0; left -= mebibyte) yield Buffer.alloc(Math.min(left, mebibyte));
    })(),
  );
}

async function squeezed(content: Readable, by: Transform): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of content.pipe(by)) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

function deflateZeros(size: number): Promise<Buffer> {
  return squeezed(zeros(size), createDeflate({ level: constants.Z_BEST_SPEED }));
}

async function idOfZeros(type: string, size: number): Promise<string> {
  const hash = createHash('sha1').update(`${type} ${size}\0`);
  for await (const chunk of zeros(size)) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

/** The peak memory of one git process in a repository below `home`, in bytes. */
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
