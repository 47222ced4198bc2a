import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isOfFormation } from '../../src/domain/formation.ts';
import { releaseOf } from '../../src/domain/instance.ts';
import { fixedSize } from '../../src/domain/instance-size.ts';
import { plan } from '../../src/provisioner/plan.ts';
import { instanceLabels, limitsOf } from '../../src/supervisor/container-spec.ts';
import { endReason } from '../../src/supervisor/ending.ts';
import { upInstance } from '../support/instances.ts';

const moment = new Date('2026-11-29T12:00:00Z');
const database = upInstance(moment, {
  id: 'i1',
  appId: 'shop',
  type: 'postgres',
  workload: { kind: 'service', serviceId: 's1' },
});

test('the container of a service’s instance is found by labels that name no release', () => {
  assert.deepEqual(instanceLabels(database, 'p1'), {
    'paas.platform': 'p1',
    'paas.app': 'shop',
    'paas.role': 'instance',
    'paas.instance': 'i1',
    'paas.workload': 'service',
    'paas.process': 'postgres.1',
  });
});

test('the end of a service’s instance is an event like any other', () => {
  const settings = { bootTimeoutMs: 60_000, stopGraceMs: 30_000, cloudletMemoryBytes: 128 * 1024 * 1024 };
  const facts = {
    instance: database,
    why: 'exit',
    exitCode: 137,
    outOfMemory: true,
    stubborn: false,
    stopSignal: 'SIGTERM',
    ports: [],
  } as const;
  assert.equal(
    endReason({ ...facts, listeners: null, lifeMs: null, settings }),
    'Error R15 (Memory quota vastly exceeded): postgres.1 was killed at its limit of 512 MiB',
  );
});

test('a service’s instance has no release, and the formation neither counts nor stops it', () => {
  assert.equal(releaseOf(database), null);
  assert.equal(isOfFormation(database), false);
  const web = { ...database, type: 'web', slot: 9 };
  const formation = [{ appId: 'shop', type: 'web', quantity: 1, size: fixedSize(4), updatedAt: moment }];
  const { create, scaledDown } = plan({ releaseId: 'r1', types: new Set(['web']), formation, instances: [web] });
  assert.deepEqual([create.length, scaledDown], [1, []]);
});

test('an instance of a release belongs to the formation, unless it is a one-off', () => {
  assert.equal(isOfFormation(upInstance(moment, {})), true);
  assert.equal(isOfFormation(upInstance(moment, { type: 'run' })), false);
});

test('the limits of a container follow the limit, and its weight follows what is reserved', () => {
  const megabyte = 1024 * 1024;
  const cloudlet = { memoryBytes: 128 * megabyte, cpuMhz: 400 };
  const limits = (reserved: number, limit: number) => Object.values(limitsOf({ reserved, limit }, cloudlet));
  assert.deepEqual(limits(1, 4), [512 * megabyte, 128 * megabyte, 2, 256]);
  assert.deepEqual(limits(2, 16), [2048 * megabyte, 256 * megabyte, 8, 512]);
  assert.deepEqual(limits(512, 512), [65_536 * megabyte, 65_536 * megabyte, 256, 8192]);
});
