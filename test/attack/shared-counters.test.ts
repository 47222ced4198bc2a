import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { isRoot } from '../../src/system/privileges.ts';
import { figureText } from '../runner/figures.ts';
import { must, TestPlatform } from '../support/platform.ts';
import { pythonApp } from '../support/sample-apps.ts';
import { attack } from './attack.ts';

/** Takes inotify instances, terminals and buffers of TCP until it gets no more, and says how many it got. */
const greedy = `import ctypes, os, socket, time
libc = ctypes.CDLL(None)
kept = []
def instances():
    while True:
        descriptor = libc.inotify_init()
        if descriptor < 0 or len(kept) > 100000: return len(kept)
        kept.append(descriptor)
def terminals():
    count = 0
    try:
        while count < 10000: kept.append(os.openpty()); count += 1
    except OSError: pass
    return count
def buffers(until):
    listener = socket.socket(); listener.bind(("127.0.0.1", 0)); listener.listen(1024)
    data = b"x" * 262144
    for _ in range(800):
        if time.time() > until: break
        one = socket.create_connection(listener.getsockname()); other, _ = listener.accept()
        for end in (one, other):
            end.setblocking(False); end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 26)
            try:
                while time.time() < until: end.send(data)
            except OSError: pass
        kept.append((one, other))
print("took", instances(), terminals(), flush=True)
buffers(time.time() + 8)
print("done", flush=True)
time.sleep(600)
`;

/** Uses a little of each, as a program with a file watcher and a terminal does. */
const modest =
  'import ctypes, os; libc = ctypes.CDLL(None); print("got", sum(libc.inotify_init() >= 0 for _ in range(20)), len([os.openpty() for _ in range(4)]))';

const megabyte = 1024 * 1024;

/** The host's memory in buffers of TCP. A page has 4 KiB on amd64 and, mostly, on arm64. */
async function bufferMegabytes(): Promise<number> {
  const pages = /^TCP: .* mem (\d+)$/m.exec(await readFile('/proc/net/sockstat', 'utf8'))?.[1];
  return Math.round((Number(pages) * 4096) / megabyte);
}

test('an app that takes all inotify instances, terminals and buffers takes them from no neighbour', async (t) => {
  await using paas = await TestPlatform.start();
  await paas.deployed('neighbour', pythonApp('still here'));
  await paas.deployed('greedy', { Procfile: 'worker: python3 -u greedy.py\n', 'greedy.py': greedy });
  const pid = paas.pidOf('resolver');
  const watched = [{ port: paas.httpPort, host: `neighbour.localhost:${paas.httpPort}` }];
  const idle = await bufferMegabytes();
  let most = idle;
  await attack(
    t,
    { pid, watched },
    {
      what: 'all inotify instances, terminals and TCP buffers, by one app',
      seconds: 25,
      async run(signal) {
        const taking = paas.paas(['run', '--no-tty', '-a', 'greedy', '--', 'timeout 18 python3 -u greedy.py']);
        const timer = setInterval(async () => {
          most = Math.max(most, await bufferMegabytes());
        }, 200);
        try {
          while (!signal.aborted) {
            const { stdout } = await must(
              paas.paas(['run', '--no-tty', '-a', 'neighbour', '--', `python3 -c '${modest}'`]),
            );
            assert.equal(stdout.trim(), 'got 20 4');
          }
          assert.match((await taking).stdout, /^took \d+ \d+\s+done/, 'the attack itself has worked');
        } finally {
          clearInterval(timer);
        }
      },
    },
  );
  const limit = 256;
  t.diagnostic(
    figureText({
      what: 'memory of the host in TCP buffers, the same app (512 MB)',
      before: `${idle} MB`,
      during: `${most} MB`,
      limit: `${limit} MB more`,
      held: most - idle <= limit,
    }),
  );
  if (isRoot()) assert.ok(most - idle <= limit, `${most - idle} MB more of the host are in buffers of TCP`);
});
