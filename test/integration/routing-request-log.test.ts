import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { createAppLog } from '../../src/reporting/app-log.ts';
import { startResolver } from '../../src/resolver/resolver.ts';
import { defaultTiming } from '../../src/resolver/timing.ts';
import { writeRequestLog } from '../../src/routing/request-log.ts';
import { createResolverClient } from '../../src/routing/resolver-client.ts';
import { eventually } from '../support/eventually.ts';
import { ask, deadPort } from '../support/resolver.ts';

test('an app’s log has each failed request once, even those that failed while the platform was away', async () => {
  await using stack = new AsyncDisposableStack();
  const home = await mkdtemp(join(tmpdir(), 'paas-request-log-'));
  stack.defer(() => rm(home, { recursive: true, force: true }));
  const controlSocket = join(home, 'r.sock');
  const timing = { ...defaultTiming, refusedHoldMs: 0 };
  const files = { controlSocket, snapshotPath: join(home, 'routes.json') };
  const resolver = await startResolver({ bind: '127.0.0.1', httpPort: 0, ...files, timing });
  stack.defer(() => resolver.close());
  const client = createResolverClient(controlSocket);
  const port = await deadPort();
  const target = {
    instanceId: 'i',
    hostId: 'local',
    name: 'web.1',
    release: 7,
    address: '127.0.0.1',
    port,
    state: 'live',
  } as const;
  const shop = {
    appId: 'shop-id',
    appName: 'shop',
    rules: [{ hostname: 'shop.localhost', path: '/' }],
    state: 'live',
  } as const;
  await client.publish({ version: 1, routes: [{ ...shop, targets: [target] }], reserved: [] });
  const appLog = createAppLog({ dir: join(home, 'logs'), bytesPerApp: 1024 * 1024 });
  stack.defer(() => appLog.close());

  await ask(resolver.address.port, { host: 'shop.localhost', path: '/before' });
  for (const path of ['/first', '/second']) {
    const listening = new AbortController();
    const { signal } = listening;
    const kept = writeRequestLog({ client, appLog, signal });
    await eventually('what was missed is in the log', async () => {
      const lines = await appLog.read('shop-id', { lines: 10 });
      return lines.some(({ text }) => text.includes(path === '/first' ? '/before' : '/between'));
    });
    await ask(resolver.address.port, { host: 'shop.localhost', path });
    await eventually('the request is in the log', async () => {
      return (await appLog.read('shop-id', { lines: 10 })).some(({ text }) => text.includes(path));
    });
    listening.abort();
    await kept;
    await eventually('nobody listens', async () => (await client.stats()).listeners === 0);
    await ask(resolver.address.port, { host: 'shop.localhost', path: '/between' });
  }
  const lines = await appLog.read('shop-id', { lines: 10 });
  const paths = lines.map(({ text }) => /path="([^"]+)"/.exec(text)?.[1]);
  assert.deepEqual(paths, ['/before', '/first', '/between', '/second']);
  for (const { source, process, release, text } of lines) {
    assert.deepEqual([source, process, text.split(' desc=')[0]], ['router', 'router', 'at=error code=H21']);
    assert.equal(release, null, 'no instance was reached');
  }
});
