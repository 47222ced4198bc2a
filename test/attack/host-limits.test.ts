import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { isRoot } from '../../src/system/privileges.ts';
import { figureText } from '../runner/figures.ts';
import { eventually } from '../support/eventually.ts';
import { TestPlatform } from '../support/platform.ts';
import { pythonApp } from '../support/sample-apps.ts';
import { attack } from './attack.ts';

const skip = isRoot() ? false : 'needs root, as the limits themselves; doctor says so';
const limitMb = 512;

/** Writes 6 GiB to an open file that has no name. */
const filler = `import os, time
fd = os.open("/app/big", os.O_RDWR | os.O_CREAT); os.unlink("/app/big")
print("filling", flush=True)
data = b"x" * (1 << 20)
for _ in range(6144): os.write(fd, data)
print("filled", flush=True)
time.sleep(600)
`;

/** Opens flows of UDP to addresses of a test network, and asks for names, as fast as it can. */
const flooder = `import socket, time
print("flooding", flush=True)
end, number = time.time() + 15, 0
query = b"\\0\\1\\1\\0\\0\\1\\0\\0\\0\\0\\0\\0\\7example\\3com\\0\\0\\1\\0\\1"
names = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); names.connect(("127.0.0.11", 53))
while time.time() < end:
    one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        one.sendto(b"x", ("198.51.100.%d" % (number % 250 + 1), 9)); names.send(query)
    except OSError: pass
    one.close(); number += 1
print("flooded", number, flush=True)
time.sleep(600)
`;

const entries = async () => Number(await readFile('/proc/sys/net/netfilter/nf_conntrack_count', 'utf8'));

async function scene(name: string, program: string): Promise<TestPlatform> {
  const paas = await TestPlatform.start({ settings: { PAAS_INSTANCE_DISK_MIB: String(limitMb) } });
  await paas.deployed('neighbour', pythonApp('still here'));
  await paas.deployed(name, { Procfile: `worker: sleep 600\n`, 'attack.py': program, 'requirements.txt': '' });
  return paas;
}

test('an app that writes to an open file without a name is ended at its limit', { skip }, async (t) => {
  await using paas = await scene('filler', filler);
  const watched = [{ port: paas.httpPort, host: `neighbour.localhost:${paas.httpPort}` }];
  let ended = '';
  await attack(
    t,
    { pid: paas.pidOf('resolver'), watched },
    {
      what: '6 GiB into an open file without a name, by one app',
      seconds: 25,
      async run() {
        const { stdout } = await paas.paas([
          'run',
          '--no-tty',
          '-a',
          'filler',
          '--',
          'timeout 20 python3 -u attack.py',
        ]);
        assert.match(stdout, /filling/, 'the attack itself has worked');
        assert.doesNotMatch(stdout, /filled/);
        await eventually('its log says why', async () => {
          const log = await paas.paas(['logs', '-a', 'filler', '-n', '200']);
          ended =
            /Wrote ([\d.]+ [MG]B) to its disk \(.* of it in removed files that are open\)/.exec(log.stdout)?.[1] ?? '';
          return ended !== '';
        });
      },
    },
  );
  t.diagnostic(
    figureText({
      what: 'the same: written when it was ended',
      before: '',
      during: ended,
      limit: `${limitMb} MB`,
      held: ended !== '',
    }),
  );
});

test('an app that opens flows and asks for names leaves the host’s table to others', { skip }, async (t) => {
  await using paas = await scene('flooder', flooder);
  const watched = [{ port: paas.httpPort, host: `neighbour.localhost:${paas.httpPort}` }];
  const idle = await entries();
  let most = idle;
  await attack(
    t,
    { pid: paas.pidOf('resolver'), watched },
    {
      what: 'UDP flows and DNS queries as fast as it can, by one app',
      seconds: 25,
      async run() {
        const timer = setInterval(async () => {
          most = Math.max(most, await entries());
        }, 200);
        try {
          const { stdout } = await paas.paas([
            'run',
            '--no-tty',
            '-a',
            'flooder',
            '--',
            'timeout 20 python3 -u attack.py',
          ]);
          assert.match(stdout, /flooded \d{4,}/, 'the attack itself has worked');
        } finally {
          clearInterval(timer);
        }
      },
    },
  );
  // Bursts of both limits, their rates over the attack, and the neighbour's own requests.
  const limit = idle + 2 * 5 * 200 + 2 * 200 * 20 + 4000;
  t.diagnostic(
    figureText({
      what: 'the same: entries of the host’s table',
      before: String(idle),
      during: String(most),
      limit: String(limit),
      held: most <= limit,
    }),
  );
  assert.ok(most <= limit, `${most} entries`);
});
