import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { labelNames } from '../../src/domain/labels.ts';
import { claim } from './claims.ts';
import { EngineFixture, inNetwork } from './engine-fixture.ts';

/** A test process to be killed: it makes one of everything, prints it, and waits for its end. */
const fixture = await EngineFixture.create();
const { containers, networks, volumes } = fixture.engine;
const folder = await mkdtemp(join(tmpdir(), 'paas-leaving-'));
await claim({ folder });
const network = { name: `${fixture.runId}-net`, labels: fixture.labels, pool: '10.213.0.0/16', prefixLength: 29 };
const made = await networks.create(network);
await volumes.create(`${fixture.runId}-volume`, { ...fixture.labels, [labelNames.role]: 'cache' });
await containers.start(await containers.create(fixture.spec('sleep 600', inNetwork(made))));
process.stdout.write(`${JSON.stringify({ platformId: fixture.runId, folders: [folder, fixture.cacheDir] })}\n`);
setInterval(() => undefined, 60_000);
