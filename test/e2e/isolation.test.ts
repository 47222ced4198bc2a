import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { eventually } from '../support/eventually.ts';
import { must, TestPlatform } from '../support/platform.ts';
import { pythonApp } from '../support/sample-apps.ts';

/** Connects from inside an app and prints `open`, or the reason why not. */
const probe = (address: string, port: number) =>
  `python3 -c "import socket; s=socket.socket(); s.settimeout(2); r=s.connect_ex(('${address}',${port})); print('open' if r==0 else 'closed')"`;

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

  it('cannot reach each other, while each reaches itself', async () => {
    const [beta] = await paas.containers('beta');
    const [alpha] = await paas.containers('alpha');
    assert.equal(await from('beta', beta?.address ?? '', 5000), 'open');
    assert.equal(await from('alpha', beta?.address ?? '', 5000), 'closed');
    assert.equal(await from('beta', alpha?.address ?? '', 5000), 'closed');
  });

  it('cannot reach the host: not its public ports, not the API', async () => {
    const [alpha] = await paas.containers('alpha');
    const gateway = (alpha?.address ?? '').replace(/\d+$/, (last) => String((Number(last) & ~63) + 1));
    assert.equal(await from('alpha', gateway, paas.httpPort), 'closed');
    assert.equal(await from('alpha', gateway, paas.apiPort), 'closed');
  });

  it('see no secret and no socket of the platform', async () => {
    const { stdout } = await must(
      paas.paas(['run', '--no-tty', '-a', 'alpha', '--', 'env; ls -la /var/run /run; id; cat /proc/self/status']),
    );
    assert.doesNotMatch(stdout, /docker\.sock|PAAS_HOME|pp_/);
    assert.match(stdout, /uid=10001/);
    assert.match(stdout, /NoNewPrivs:\s+1/);
    assert.match(stdout, /CapEff:\s+0000000000000000/);
    assert.match(stdout, /Seccomp:\s+2/);
  });

  it('live on two platforms side by side on one engine without knowing of each other', async () => {
    await using other = await TestPlatform.start();
    await other.deployed('alpha', pythonApp('another alpha'));
    assert.deepEqual([(await paas.http('alpha')).body, (await other.http('alpha')).body], ['alpha', 'another alpha']);
    assert.notEqual(await paas.platformId(), await other.platformId());
    await must(other.paas(['destroy', '-a', 'alpha', '--confirm', 'alpha']));
    await eventually('the other is gone', async () => (await other.http('alpha')).status === 404);
    assert.equal((await paas.http('alpha')).body, 'alpha');
  });
});
