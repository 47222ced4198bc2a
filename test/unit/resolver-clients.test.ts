import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import { test } from 'node:test';
import { clientsIn } from '../../src/resolver/client-of.ts';
import { ceilingsOf, defaultLimits, limitsWithin } from '../../src/resolver/limits.ts';
import { OpenConnections } from '../../src/resolver/open-connections.ts';

test('a client is an address, an IPv6 network or an app, in private ranges too', () => {
  const clientOf = clientsIn('10.210.0.0/16');
  assert.equal(clientOf('203.0.113.9'), '203.0.113.9');
  assert.equal(clientOf('::ffff:203.0.113.9'), '203.0.113.9');
  assert.equal(clientOf('2001:db8::1'), '2001:db8:0:0');
  assert.equal(clientOf('2001:db8::2:3:4:5'), clientOf('2001:db8:0:0:9::'));
  assert.equal(clientOf('fd00::2'), clientOf('fd00::3'));
  assert.notEqual(clientOf('2001:db8:0:1::1'), clientOf('2001:db8::1'));
  assert.equal(clientOf('10.210.0.66'), clientOf('10.210.0.126'), 'two instances of one app');
  assert.notEqual(clientOf('10.210.0.66'), clientOf('10.210.0.62'), 'two apps');
  for (const near of ['127.0.0.1', '::1', '10.1.2.3', '172.17.0.2', '192.168.0.9', 'fe80::1', '10.211.0.1']) {
    assert.equal(clientOf(near), near);
  }
  assert.equal(clientOf('::ffff:172.17.0.1'), '172.17.0.1');
  assert.notEqual(clientOf('fe80::1%eth0'), clientOf('fe80::2%eth0'), 'two machines on one link');
});

test('the number of connections keeps within the files that the process may open', () => {
  const within = (openFiles: number, connections = 8_192) => {
    const limits = limitsWithin(openFiles, { ...defaultLimits, connections });
    return [limits.connections, limits.connectionsPerClient, limits.requestsPerApp];
  };
  assert.deepEqual(within(Number.POSITIVE_INFINITY), [8_192, 1_024, 2_048]);
  assert.deepEqual(within(20_000), [7_590, 949, 1_898]);
  assert.deepEqual(within(20_000, 100), [100, 13, 25]);
  assert.deepEqual(within(1_024), [64, 8, 16]);
  for (const connections of [64, 100, 8_192]) {
    const { strangers, apps, platform } = ceilingsOf(connections);
    assert.ok(apps + platform < strangers && strangers < connections, String(connections));
  }
});

class FakeSocket extends EventEmitter {
  destroyed = false;
  destroy(): void {
    this.destroyed = true;
    this.emit('close');
  }
}

function open(connections: OpenConnections, client: string | null, isOperator = false) {
  const socket = new FakeSocket();
  return { socket, isAdmitted: connections.add(socket as unknown as Socket, client, isOperator) };
}

test('when there is no room, the client with the most idle connections loses the oldest', () => {
  const connections = new OpenConnections(64);
  const { strangers, apps } = ceilingsOf(64);
  const many = Array.from({ length: strangers - 2 }, () => open(connections, 'many'));
  const few = Array.from({ length: 2 }, () => open(connections, 'few'));
  assert.equal(connections.count, strangers);
  const fresh = open(connections, 'fresh');
  assert.equal(fresh.isAdmitted, true);
  assert.deepEqual(
    many.map(({ socket }) => socket.destroyed),
    many.map((_, at) => at === 0),
  );
  const busy = [...many.slice(1), ...few, fresh].map(({ socket }) => socket as unknown as Socket);
  const served = busy.filter((socket) => connections.begin(socket, 'app'));
  assert.equal(served.length, apps, 'a part is kept from the apps');
  const late = busy.filter((socket) => !served.includes(socket));
  assert.equal(connections.begin(late[0] as Socket, 'platform'), true);
  for (let at = 0; at < 100; at += 1) assert.equal(open(connections, `stranger ${at}`).isAdmitted, true);
  assert.equal(connections.count, strangers, 'the others that carry no request gave way');
  assert.ok(served.every((socket) => !socket.destroyed));
  assert.equal(open(connections, null, true).isAdmitted, true, 'the operator has a part of their own');
});

test('a connection that is idle again can give way, and one that has closed is not counted', () => {
  const connections = new OpenConnections(64);
  const { strangers } = ceilingsOf(64);
  const all = Array.from({ length: strangers }, (_, at) => open(connections, `client ${at}`));
  for (const { socket } of all) connections.begin(socket as unknown as Socket, 'app');
  connections.end(all[3]?.socket as unknown as Socket);
  const before = all.filter(({ socket }) => socket.destroyed).length;
  assert.equal(before, 0);
  all[5]?.socket.destroy();
  assert.equal(open(connections, 'a').isAdmitted, true);
  assert.equal(connections.count, strangers);
});
