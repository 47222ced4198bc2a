import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { readSettings } from '../../src/config/settings.ts';
import { labelNames } from '../../src/domain/labels.ts';
import type { Store } from '../../src/domain/store.ts';
import { engineOnHost } from '../../src/engine/engine-on-host.ts';
import { removeHostFirewall } from '../../src/host/firewall.ts';
import { chainsOf } from '../../src/host/firewall-rules.ts';
import { HostGuard } from '../../src/provisioner/host-guard.ts';
import { openStore } from '../../src/store/store.ts';
import { systemClock } from '../../src/system/clock.ts';
import { silentLogger } from '../../src/system/logger.ts';
import { isRoot } from '../../src/system/privileges.ts';
import { EngineFixture, inNetwork } from '../support/engine-fixture.ts';
import { enginesOf } from '../support/engines.ts';
import { eventually } from '../support/eventually.ts';
import { FarHost } from '../support/far-host.ts';
import { firewallRules } from '../support/firewall-rules.ts';
import { testHands } from '../support/hands.ts';

const skip = isRoot() ? false : 'needs root, as the firewall itself';

let fixture: EngineFixture;
let home: string;
let store: Store & { close(): Promise<void> };
before(async () => {
  fixture = await EngineFixture.create();
  home = await mkdtemp(join(tmpdir(), 'paas-guard-'));
  store = await openStore({ path: join(home, 'state.db'), keysDir: join(home, 'keys') });
});
after(async () => {
  await store.close();
  await removeHostFirewall(fixture.runId);
  await fixture[Symbol.asyncDispose]();
  await rm(home, { recursive: true, force: true });
});

/** The interfaces whose forwarded packets go to the platform's chains. */
async function guarded(): Promise<readonly string[]> {
  const { forward, steps } = chainsOf(fixture.runId);
  const ours = (await firewallRules()).filter((rule) => [forward, steps].some((own) => rule.endsWith(` -j ${own}`)));
  return ours.map((rule) => /-i (\S+)/.exec(rule)?.[1] ?? assert.fail(rule));
}

function guardWith(env: Readonly<Record<string, string>>): HostGuard {
  const settings = readSettings({ PAAS_HOME: '/nonexistent', ...env });
  const { engine, runId: platformId } = fixture;
  return new HostGuard({
    engines: enginesOf(engine),
    handsOn: () => testHands,
    platformId,
    store,
    settings,
    clock: systemClock,
    logger: silentLogger,
  });
}

async function startedWith(env: Readonly<Record<string, string>>): Promise<string | null> {
  const guard = guardWith(env);
  await guard.start();
  await guard.close();
  return guard.reason('local');
}

test('a platform guards its own bridges, and the bridge of Dockerfile builds unless a setting opens it', {
  skip,
}, async () => {
  const { bridges } = chainsOf(fixture.runId);
  const buildBridge = (await engineOnHost(fixture.dockerHost)()).bridge?.interface ?? '';
  assert.equal(await startedWith({}), null);
  assert.deepEqual([...(await guarded())].sort(), [bridges, buildBridge].sort());
  assert.equal(await startedWith({ PAAS_CLOSE_METADATA: 'false' }), null);
  assert.deepEqual(await guarded(), [bridges]);
});

test('a denied network is closed to apps, builds and steps at once, and open to an app that may reach it', {
  skip,
}, async () => {
  await using far = await FarHost.create();
  const { engine, labels, runId } = fixture;
  const account = await store.accounts.create('ada@example.com');
  const app = await store.apps.create({ name: 'shop', ownerId: account.id });
  const networkOf = (name: string, more: Readonly<Record<string, string>>) => {
    const pool = { pool: '10.216.0.0/16', prefixLength: 26 };
    return engine.networks.create({ name: `${runId}-${name}`, labels: { ...labels, ...more }, ...pool });
  };
  const own = await networkOf('own', { [labelNames.app]: app.id });
  const build = await networkOf('build', { [labelNames.role]: 'build' });
  const call = `use Socket; socket(S, PF_INET, SOCK_STREAM, 6); $SIG{ALRM} = sub { die "silence" }; alarm 2;
    connect(S, sockaddr_in(5000, inet_aton("${far.address}"))) or do { print $!; exit }; print <S>;`;
  const heard = async (network: typeof own) => {
    const { stdout } = await fixture.run('', { command: ['perl', '-e', call], ...inNetwork(network) });
    return stdout.trim();
  };
  assert.equal(await startedWith({}), null);
  for (const network of [own, build]) assert.equal(await heard(network), 'far', 'open by default');

  const guard = guardWith({ PAAS_DENY_NETWORKS: `${far.address}/32, fd00::/8` });
  await guard.start();
  try {
    for (const network of [own, build]) assert.equal(await heard(network), 'No route to host');
    const allowed = { appId: app.id, network: `${far.address}/32` };
    await store.allowedNetworks.put(allowed);
    await eventually('it is open to the app', async () => (await heard(own)) === 'far');
    assert.equal(await heard(build), 'No route to host');
    await store.allowedNetworks.remove(allowed);
    await eventually('it is closed to the app', async () => (await heard(own)) === 'No route to host');
    // Another program reloads the firewall.
    await removeHostFirewall(runId);
    await store.allowedNetworks.put({ appId: app.id, network: '192.0.2.0/24' });
    await eventually('the rules are back', async () => (await heard(own)) === 'No route to host');
  } finally {
    await guard.close();
  }
});
