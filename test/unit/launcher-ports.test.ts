import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { readSettings } from '../../src/config/settings.ts';
import { PlatformError } from '../../src/domain/errors.ts';
import { listeningInodes, portHolder, requireFreeApiPort } from '../../src/launcher/ports.ts';
import { PublicSocket } from '../../src/launcher/public-socket.ts';
import { bindSocket } from '../../src/system/bound-socket.ts';
import { checkout } from '../support/source-files.ts';

async function listening(host: string): Promise<Server & AsyncDisposable & { readonly port: number }> {
  const server = createServer();
  server.listen(0, host);
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' && address ? address.port : 0;
  return Object.assign(server, {
    port,
    [Symbol.asyncDispose]: () => new Promise<void>((done) => server.close(() => done())),
  });
}

function settingsWith(ports: Readonly<Record<string, number>>) {
  const named = Object.entries(ports).map(([name, port]) => [`PAAS_${name}`, String(port)]);
  return readSettings({
    PAAS_HOME: '/nonexistent',
    PAAS_BIND: '127.0.0.1',
    PAAS_API_PORT: '0',
    PAAS_HTTP_PORT: '0',
    ...Object.fromEntries(named),
  });
}

test('a taken port is an error with its number, its holder and the setting', async () => {
  await using server = await listening('127.0.0.1');
  await assert.rejects(new PublicSocket(settingsWith({ HTTP_PORT: server.port })).fd(), (error) => {
    assert.ok(error instanceof PlatformError);
    assert.equal(error.code, 'conflict');
    assert.match(
      error.message,
      new RegExp(`^Port ${server.port} on 127\\.0\\.0\\.1 is taken by node\\b.* \\(process ${process.pid}\\)\\.$`),
    );
    assert.match(error.hint ?? '', /PAAS_HTTP_PORT=\d+ npm start/);
    return true;
  });
  await assert.rejects(requireFreeApiPort(settingsWith({ API_PORT: server.port })), /PAAS_API_PORT|taken/);
});

test('checking a free port leaves it free', async () => {
  const server = await listening('127.0.0.1');
  const settings = settingsWith({ API_PORT: server.port });
  await server[Symbol.asyncDispose]();
  await requireFreeApiPort(settings);
  await requireFreeApiPort(settings);
});

test('an address of another machine is an error with the setting', async () => {
  const elsewhere = { ...settingsWith({}), bind: '192.0.2.1', httpPort: 8080 };
  await assert.rejects(new PublicSocket(elsewhere).fd(), /192\.0\.2\.1, port 8080: EADDRNOTAVAIL/);
});

test('the socket that systemd holds is used if it has the address of the settings', async () => {
  const held = bindSocket('127.0.0.1', 0, 4);
  assert.ok(typeof held !== 'number');
  const { port } = held.address;
  const module = JSON.stringify(join(checkout, 'src/launcher/public-socket.ts'));
  const script = `
    import { offeredSockets, PublicSocket } from ${module};
    const held = [];
    for (const httpPort of [${port}, ${port} + 1]) {
      const socket = new PublicSocket({ bind: '127.0.0.1', httpPort });
      await socket.take(offeredSockets('/nonexistent'));
      held.push(socket.isHeld);
    }
    console.log(JSON.stringify(held));`;
  // sd_listen_fds(3): the descriptors begin at 3, and LISTEN_PID is the process that they are for.
  const started = ['LISTEN_FDS=1 LISTEN_PID=$$ exec "$0" --input-type=module -e "$1"', process.execPath, script];
  const { stdout } = spawnSync('sh', ['-c', ...started], {
    stdio: ['ignore', 'pipe', 'inherit', held.fd],
    encoding: 'utf8',
  });
  assert.equal(stdout.trim(), '[true,false]');
  held.close();
});

test('the holder of a port is found on IPv6, too', async () => {
  await using server = await listening('::');
  assert.equal(portHolder(server.port)?.pid, process.pid);
});

test('only listeners on exactly that port count', () => {
  const table = [
    '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode',
    '   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 111 1',
    '   1: 0100007F:1F90 0100007F:C350 01 00000000:00000000 00:00000000 00000000     0        0 222 1',
    '   2: 0100007F:01F9 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 333 1',
  ].join('\n');
  assert.deepEqual(listeningInodes(table, 8080), ['111']);
  assert.deepEqual(listeningInodes(table, 9), []);
});
