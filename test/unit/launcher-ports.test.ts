import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import { test } from 'node:test';
import { readSettings } from '../../src/config/settings.ts';
import { PlatformError } from '../../src/domain/errors.ts';
import { listeningInodes, portHolder, requireFreePorts } from '../../src/launcher/ports.ts';

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
  await assert.rejects(requireFreePorts(settingsWith({ HTTP_PORT: server.port })), (error) => {
    assert.ok(error instanceof PlatformError);
    assert.equal(error.code, 'conflict');
    assert.match(
      error.message,
      new RegExp(`^Port ${server.port} on 127\\.0\\.0\\.1 is taken by node\\b.* \\(process ${process.pid}\\)\\.$`),
    );
    assert.match(error.hint ?? '', /PAAS_HTTP_PORT=\d+ npm start/);
    return true;
  });
  await assert.rejects(requireFreePorts(settingsWith({ API_PORT: server.port })), /PAAS_API_PORT|taken/);
});

test('checking a free port leaves it free', async () => {
  const server = await listening('127.0.0.1');
  const settings = settingsWith({ HTTP_PORT: server.port });
  await server[Symbol.asyncDispose]();
  await requireFreePorts(settings);
  await requireFreePorts(settings);
});

test('an address of another machine is an error with the setting', async () => {
  const elsewhere = { ...settingsWith({}), bind: '192.0.2.1', httpPort: 8080 };
  await assert.rejects(requireFreePorts(elsewhere), /192\.0\.2\.1, port 8080: EADDRNOTAVAIL/);
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
