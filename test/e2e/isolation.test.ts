import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { type AddressInfo, connect, createServer } from 'node:net';
import { networkInterfaces } from 'node:os';
import { after, before, describe, it } from 'node:test';
import { isRoot } from '../../src/system/privileges.ts';
import { eventually } from '../support/eventually.ts';
import { must, TestPlatform } from '../support/platform.ts';
import { pythonApp } from '../support/sample-apps.ts';

/** Connects from inside an app and prints `open` or the error. */
const probe = (address: string, port: number) =>
  `python3 -c "import socket; s=socket.socket(); s.settimeout(2); r=s.connect_ex(('${address}',${port})); print('open' if r==0 else 'closed')"`;

/** An address of the host, other than loopback and the bridges of containers. */
function hostAddresses(): readonly string[] {
  const own = Object.entries(networkInterfaces()).filter(([name]) => !/^(lo|br-|docker|pb|veth)/.test(name));
  return own
    .flatMap(([, addresses]) => addresses ?? [])
    .filter(({ family }) => family === 'IPv4')
    .map(({ address }) => address)
    .slice(0, 1);
}

describe('two apps on one host', () => {
  let paas: TestPlatform;
  before(async () => {
    paas = await TestPlatform.start();
    await paas.deployed('alpha', pythonApp('alpha'));
    await paas.deployed('beta', pythonApp('beta'));
  });
  after(() => paas[Symbol.asyncDispose]());

  const from = async (app: string, address: string, port: number) =>
    (await must(paas.paas(['run', '--no-tty', '-a', app, '--', probe(address, port)]))).stdout.trim();

  it('cannot reach each other, but each reaches itself', async () => {
    const [beta] = await paas.containers('beta');
    const [alpha] = await paas.containers('alpha');
    assert.equal(await from('beta', beta?.address ?? '', 5000), 'open');
    assert.equal(await from('alpha', beta?.address ?? '', 5000), 'closed');
    assert.equal(await from('beta', alpha?.address ?? '', 5000), 'closed');
  });

  it('cannot reach the host: neither the API nor a port that listens on all addresses', {
    skip: isRoot() ? false : 'needs root, as the firewall itself; doctor says so',
  }, async () => {
    const [alpha] = await paas.containers('alpha');
    const gateway = (alpha?.address ?? '').replace(/\d+$/, (last) => String((Number(last) & ~63) + 1));
    const heard: string[] = [];
    const tcp = createServer((socket) => {
      heard.push(`tcp from ${socket.remoteAddress}`);
      socket.destroy();
    });
    await new Promise<void>((resolve) => tcp.listen(0, '0.0.0.0', resolve));
    const { port } = tcp.address() as AddressInfo;
    const udp = createSocket('udp4').on('message', (_message, from) => heard.push(`udp from ${from.address}`));
    await new Promise<void>((resolve) => udp.bind(port, '0.0.0.0', resolve));
    try {
      for (const address of [gateway, ...hostAddresses()]) {
        await new Promise<void>((resolve, reject) => {
          connect(port, address, resolve).on('error', reject);
        });
        await eventually(`the host itself reaches ${address}`, () => heard.length > 0);
        heard.length = 0;
        const tries = [probe(address, port), probe(address, paas.apiPort), `echo hello > /dev/udp/${address}/${port}`];
        const { stdout } = await must(paas.paas(['run', '--no-tty', '-a', 'alpha', '--', tries.join('; ')]));
        assert.deepEqual(stdout.trim().split('\n'), ['closed', 'closed'], address);
        assert.deepEqual(heard, []);
      }
    } finally {
      tcp.close();
      udp.close();
    }
  });

  it('see no secret and no socket of the platform', async () => {
    const { stdout } = await must(
      paas.paas(['run', '--no-tty', '-a', 'alpha', '--', 'env; ls -la /var/run /run; id; cat /proc/self/status']),
    );
    assert.doesNotMatch(stdout, /docker\.sock|PAAS_HOME|pp_/);
    assert.match(stdout, /uid=1\d{6}\(app\) gid=1\d{6}\(app\)/);
    assert.match(stdout, /NoNewPrivs:\s+1/);
    assert.match(stdout, /CapEff:\s+0000000000000000/);
    assert.match(stdout, /Seccomp:\s+2/);
  });

  it('can be on two platforms on one engine without interfering', async () => {
    await using other = await TestPlatform.start();
    await other.deployed('alpha', pythonApp('another alpha'));
    assert.deepEqual([(await paas.http('alpha')).body, (await other.http('alpha')).body], ['alpha', 'another alpha']);
    assert.notEqual(await paas.platformId(), await other.platformId());
    await must(other.paas(['destroy', '-a', 'alpha', '--confirm', 'alpha']));
    await eventually('the other is gone', async () => (await other.http('alpha')).status === 404);
    assert.equal((await paas.http('alpha')).body, 'alpha');
  });
});
