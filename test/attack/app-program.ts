import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** The neighbour's app, in a process of its own: it answers each request with 1 KB at once. */
const body = Buffer.alloc(1024, 'x');
const headers = { 'Content-Type': 'text/plain', 'Content-Length': String(body.length) };
const server = createServer({ keepAliveTimeout: 60_000 }, (incoming, response) => {
  incoming.resume();
  response.writeHead(200, headers).end(body);
});
process.on('disconnect', () => process.exit(0));
server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port));
