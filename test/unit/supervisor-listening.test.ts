import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fixedSize } from '../../src/domain/instance-size.ts';
import { endReason } from '../../src/supervisor/ending.ts';
import { insteadOf, parseListeners } from '../../src/supervisor/listening.ts';

const header = '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n';
const socket = (local: string, state = '0A') =>
  `   0: ${local} 00000000:0000 ${state} 00000000:00000000 00:00000000 00000000 10001        0 998281 1 0000000000000000\n`;

describe('an app that did not answer on its port', () => {
  it('is found listening on its real address, and sockets of the engine do not count', () => {
    const tables =
      header +
      socket('0B00007F:9C41') +
      socket('0100007F:1388') +
      socket('00000000:0BB8') +
      socket('0100007F:2710', '01') +
      header +
      socket('00000000000000000000000001000000:1388') +
      socket('00000000000000000000000000000000:0BB8') +
      socket('0000000000000000FFFF00000100007F:0050') +
      socket('B80D0120000000000000000001000000:01BB');
    assert.deepEqual(parseListeners(tables), [
      { address: '127.0.0.1', port: 80 },
      { address: '2001:db8::1', port: 443 },
      { address: '0.0.0.0', port: 3000 },
      { address: '::', port: 3000 },
      { address: '127.0.0.1', port: 5000 },
      { address: '::1', port: 5000 },
    ]);
    assert.deepEqual(parseListeners(''), []);
    assert.deepEqual(parseListeners('no table\nat all: 0100007F:1388\n'), []);
  });

  it('gets an error that says where it listens', () => {
    const loopback = { address: '127.0.0.1', port: 5000 };
    assert.equal(insteadOf([5000], []), 'it listens on no port');
    assert.equal(insteadOf([5000], [loopback]), 'it listens there on 127.0.0.1 only');
    assert.equal(
      insteadOf([5000], [loopback, { address: '::1', port: 5000 }]),
      'it listens there on 127.0.0.1 and ::1 only',
    );
    assert.equal(insteadOf([5000], [{ address: '0.0.0.0', port: 3000 }]), 'it listens on port 3000 instead');
    assert.equal(insteadOf([5000], [{ address: '0.0.0.0', port: 5000 }]), 'it began to listen there only now');
    assert.equal(insteadOf([5000, 8080], [{ address: '127.0.0.1', port: 8080 }]), 'it listens there on 127.0.0.1 only');
    const two = [3000, 9229].flatMap((port) => ['0.0.0.0', '::'].map((address) => ({ address, port })));
    assert.equal(insteadOf([5000], two), 'it listens on ports 3000 and 9229 instead');
    const facts = {
      why: 'boot-timeout',
      exitCode: 137,
      outOfMemory: false,
      stubborn: false,
      stopSignal: 'SIGTERM',
      listeners: [loopback],
      lifeMs: null,
    } as const;
    const settings = { bootTimeoutMs: 60_000, stopGraceMs: 0, cloudletMemoryBytes: 1 };
    assert.equal(
      endReason({
        ...facts,
        instance: { type: 'web', slot: 1, size: fixedSize(1) },
        ports: [5000, 8080, 9090],
        settings,
      }),
      'Error R10 (Boot timeout): web.1 did not answer on port 5000, 8080 or 9090 within 60 s: it listens there on 127.0.0.1 only',
    );
  });
});
