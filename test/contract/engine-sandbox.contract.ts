import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { describe, test } from 'node:test';
import { scaled } from '../support/deadline.ts';
import { megabyte } from '../support/engine-fixture.ts';
import type { UnderTest } from './engine.contract.ts';

/** socket(2) on amd64 and arm64; io_uring_setup(2) is 425 everywhere. */
const socketCall = process.arch === 'arm64' ? 198 : 41;

const inotifyInit = process.arch === 'arm64' ? 26 : 294;
const ioSetup = process.arch === 'arm64' ? 0 : 206;
const addKey = process.arch === 'arm64' ? 217 : 248;
/** fallocate(2) on amd64 and arm64. */
const allocateCall = process.arch === 'arm64' ? 47 : 285;

/** A child takes 200 MB. The shell lives a little longer, because an engine may miss events in a container's last moment. */
export const outOfMemory = `perl -e 'my $x = "x" x (200 * 1024 * 1024)'; code=$?; sleep 0.3; exit $code`;

/** The view of a process that tries to escape (contracts/hardening.md §3). */
export function sandboxContract(underTest: UnderTest): void {
  describe('the sandbox, seen from inside', { concurrency: 3 }, () => {
    test('a process has no capabilities, cannot gain any, and has a seccomp filter', async () => {
      for (const sandbox of ['app', 'build'] as const) {
        const stdout = await underTest().output('cat /proc/self/status', { sandbox });
        const status = new Map(stdout.split('\n').map((line) => line.split(':\t') as [string, string]));
        for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb']) {
          assert.equal(status.get(set), '0000000000000000', `${set} in ${sandbox}`);
        }
        assert.equal(status.get('NoNewPrivs'), '1');
        assert.equal(status.get('Seccomp'), '2');
        assert.match(status.get('Uid') ?? '', /^10001\t10001\t10001\t10001/);
      }
    });

    test('io_uring, VSOCK, ALG and other unusual sockets are refused, the usual ones work', async () => {
      const script = `
        sub try { my ($name, $number, @rest) = @_; $! = 0; my $result = syscall($number, @rest); print "$name ", ($result >= 0 ? "open" : $!+0), "\\n" }
        try("io_uring", 425, 1, my $params = "\\0" x 128);
        try("unix", ${socketCall}, 1, 1, 0);
        try("inet", ${socketCall}, 2, 1, 0);
        try("inet6", ${socketCall}, 10, 1, 0);
        try("netlink", ${socketCall}, 16, 3, 0);
        try("alg", ${socketCall}, 38, 5, 0);
        try("vsock", ${socketCall}, 40, 1, 0);
        # The kernel looks at the lower 32 bits of the family only.
        try("alg-wide", ${socketCall}, 38 + 2**32, 5, 0);
        try("vsock-wide", ${socketCall}, 40 + 2**32, 1, 0);
        try("packet", ${socketCall}, 17, 3, 0);
        try("bluetooth", ${socketCall}, 31, 3, 0);
      `;
      const { stdout, stderr } = await underTest().run('exec perl -e "$PROBE"', { env: { PROBE: script } });
      assert.equal(stderr, '');
      const found = Object.fromEntries(
        stdout
          .trim()
          .split('\n')
          .map((line) => line.split(' ')),
      );
      assert.deepEqual(found, {
        io_uring: '1',
        unix: 'open',
        inet: 'open',
        inet6: 'open',
        netlink: 'open',
        alg: '1',
        vsock: '1',
        'alg-wide': '1',
        'vsock-wide': '1',
        packet: '1',
        bluetooth: '1',
      });
    });

    test('a file cannot be given disk without writing, and can give disk back', async () => {
      const script = `
        open(F, "+>", "/home/f") or die; syswrite F, "x" x 8192;
        sub try { my ($name, $mode) = @_; $! = 0; my $result = syscall(${allocateCall}, fileno(F), $mode, 0, 4096); print "$name ", ($result >= 0 ? "done" : $!+0), "\n" }
        try("allocate", 0); try("keep-size", 1); try("zero", 0x10); try("wide", 2**32); try("punch", 3);
      `;
      const { stdout, stderr } = await underTest().run('exec perl -e "$PROBE"', { env: { PROBE: script } });
      assert.equal(stderr, '');
      // EOPNOTSUPP, at which a C library writes instead.
      assert.equal(stdout, 'allocate 95\nkeep-size 95\nzero 95\nwide 95\npunch done\n');
    });

    test('a fork bomb stops at the process limit', async () => {
      // Five of them are the init, the shells and the counting.
      const { stdout, stderr } = await underTest().run(
        'n=0; while [ $n -lt 60 ]; do sleep 5 & n=$((n+1)); done; echo all; kill $(jobs -p)',
        { pids: 32 },
      );
      assert.doesNotMatch(stdout, /all/);
      assert.match(stderr, /fork|Resource temporarily unavailable/i);
    });

    test('a process that uses more memory than its limit is killed, and that is reported', async () => {
      // The engine misses about one in fifty (see ContainerExit). Three in a row would be our fault.
      const exits = [];
      do exits.push(await underTest().run(outOfMemory, { memoryBytes: 32 * megabyte }));
      while (!exits.at(-1)?.oomKilled && exits.length < 3);
      assert.ok(exits.every(({ exitCode }) => exitCode === 137));
      assert.equal(exits.at(-1)?.oomKilled, true);
    });

    test('/tmp is writable, in memory with a limit for an app, and on disk for a build', async () => {
      const full = await underTest().run('dd if=/dev/zero of=/tmp/f bs=1M count=64 2>&1', {
        memoryBytes: 256 * megabyte,
        tmpBytes: 16 * megabyte,
      });
      assert.match(full.stdout, /No space left/);
      const build = await underTest().output('cat /proc/mounts; echo x > /tmp/f && cat /tmp/f', { sandbox: 'build' });
      assert.doesNotMatch(build, / \/tmp tmpfs/);
      assert.match(build, /^x$/m);
    });

    test('programs in /tmp can be run', async () => {
      const { stdout } = await underTest().run('cat /bin/echo > /tmp/e; chmod +x /tmp/e; /tmp/e ran');
      assert.equal(stdout, 'ran\n');
    });

    test('there is no engine socket, and only the kernel of the host can be seen', async () => {
      const { stdout } = await underTest().run(
        'ls /var/run/docker.sock /run/docker.sock 2>&1; cat /proc/mounts; ls /dev',
      );
      assert.doesNotMatch(stdout.replaceAll(/cannot access.*/g, ''), /docker\.sock/);
      assert.doesNotMatch(stdout, /^(sd|vd|nvme|kmsg|mem$)/m);
    });

    test('open files are limited, core dumps are off', async () => {
      const { stdout } = await underTest().run('ulimit -Hn; ulimit -Hc');
      const [openFiles, core] = stdout.trim().split('\n').map(Number);
      assert.ok(openFiles !== undefined && openFiles >= 1024 && openFiles <= 20_000, stdout);
      assert.equal(core, 0);
    });

    test('terminals are the container’s own, and end at its limit', async () => {
      const script = `
        my @open; while (sysopen(my $terminal, "/dev/ptmx", 2)) { push @open, $terminal }
        print scalar(@open), " ", $!+0, " ";
        opendir(my $all, "/dev/pts"); print join(",", sort grep { /^\\d+$/ } readdir $all), "\\n";
      `;
      const run = (terminals: number) =>
        underTest().output(`exec perl -e "$PROBE"`, { env: { PROBE: script }, terminals });
      // One more is for a terminal that the platform opens. 28 is ENOSPC.
      assert.equal(await run(3), '4 28 0,1,2,3\n');
      const terminal = await underTest().output('test -t 1 && stat -c %a /dev/pts/0', { tty: true, terminals: 0 });
      assert.equal(terminal.trim(), '620');
    });

    test('what a user uses up does not run out for another user', async () => {
      const fixture = underTest();
      const { containers } = fixture.engine;
      // Not a user of another test that runs at the same time.
      const first = randomInt(3_000_000, 2_000_000_000);
      const count = (calls: number, text: string) => `
        my @open; my $descriptor;
        while (@open < ${calls} && ($descriptor = syscall(${inotifyInit}, 0)) >= 0) { push @open, $descriptor }
        $| = 1; print "${text} ", scalar(@open), " ", $!+0, "\\n";
      `;
      const all = { env: { PROBE: `${count(100_000, 'all')} sleep 600;` }, user: `${first}:${first}`, pids: 16 };
      const greedy = await containers.create(fixture.spec('exec perl -e "$PROBE"', all));
      try {
        const streams = await containers.attach(greedy, AbortSignal.timeout(scaled(60_000)));
        streams.stderr.resume();
        await containers.start(greedy);
        const [said] = (await once(streams.stdout, 'data')) as [Buffer];
        assert.match(String(said), /^all \d+ 24$/m, 'it has taken all that one user may have');
        const probe = (uid: number) =>
          fixture.output('exec perl -e "$PROBE"', { env: { PROBE: count(50, 'some') }, user: `${uid}:${uid}` });
        assert.equal(await probe(first), 'some 0 24\n', 'its own user has none left');
        assert.equal(await probe(first + 1), 'some 50 0\n');
      } finally {
        await containers.remove(greedy);
      }
    });

    test('what a host has once is closed: contexts of asynchronous input, keys, and settings of the kernel', async () => {
      const script = `
        sub try { my ($name, $number, @rest) = @_; $! = 0; my $result = syscall($number, @rest); print "$name ", ($result >= 0 ? "open" : $!+0), "\\n" }
        try("aio", ${ioSetup}, 65536, my $context = "\\0" x 8);
        try("keys", ${addKey}, "user", "a", "b", 1, -3);
      `;
      const { stdout } = await underTest().run(
        'perl -e "$PROBE"; for f in kernel/pty/max fs/file-max net/ipv4/ip_forward vm/overcommit_memory; do echo 1 > /proc/sys/$f; done; mkdir /sys/fs/cgroup/mine /sys/fs/cgroup/memory/mine; ls -d /sys/fs/cgroup/mine /sys/fs/cgroup/memory/mine',
        { env: { PROBE: script } },
      );
      assert.equal(stdout, 'aio 38\nkeys 1\n');
    });

    test('root is refused, and so are volumes that are paths', async () => {
      const fixture = underTest();
      const { containers } = fixture.engine;
      for (const user of ['0:0', 'root', '', '0', '00:5', '10001']) {
        await assert.rejects(containers.create(fixture.spec('true', { user })), { code: 'invalid_params' }, user);
      }
      for (const name of ['/etc', '../etc', 'a/b', '.', '']) {
        const volumes = [{ name, path: '/data' }];
        await assert.rejects(containers.create(fixture.spec('true', { volumes })), { code: 'invalid_params' }, name);
      }
      for (const path of ['data', '/', '/a/../b', '/a//b']) {
        const volumes = [{ name: 'x', path }];
        await assert.rejects(containers.create(fixture.spec('true', { volumes })), { code: 'invalid_params' }, path);
      }
    });
  });
}
