import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { readSettings } from '../../src/config/settings.ts';
import { engineOnHost } from '../../src/engine/engine-on-host.ts';
import { removeHostFirewall } from '../../src/host/firewall.ts';
import { chainsOf } from '../../src/host/firewall-rules.ts';
import { HostGuard } from '../../src/provisioner/host-guard.ts';
import { systemClock } from '../../src/system/clock.ts';
import { silentLogger } from '../../src/system/logger.ts';
import { isRoot } from '../../src/system/privileges.ts';
import { EngineFixture } from '../support/engine-fixture.ts';
import { enginesOf } from '../support/engines.ts';
import { firewallRules } from '../support/firewall-rules.ts';
import { testHands } from '../support/hands.ts';

const skip = isRoot() ? false : 'needs root, as the firewall itself';

let fixture: EngineFixture;
before(async () => {
  fixture = await EngineFixture.create();
});
after(async () => {
  await removeHostFirewall(fixture.runId);
  await fixture[Symbol.asyncDispose]();
});

/** The interfaces whose forwarded packets go to the platform's chains. */
async function guarded(): Promise<readonly string[]> {
  const { forward, steps } = chainsOf(fixture.runId);
  const ours = (await firewallRules()).filter((rule) => [forward, steps].some((own) => rule.endsWith(` -j ${own}`)));
  return ours.map((rule) => /-i (\S+)/.exec(rule)?.[1] ?? assert.fail(rule));
}

async function startedWith(env: Readonly<Record<string, string>>): Promise<string | null> {
  const settings = readSettings({ PAAS_HOME: '/nonexistent', ...env });
  const { engine, runId: platformId } = fixture;
  const guard = new HostGuard({
    engines: enginesOf(engine),
    handsOn: () => testHands,
    platformId,
    settings,
    clock: systemClock,
    logger: silentLogger,
  });
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
