import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { setPriority } from 'node:os';

/**
 * The other end of the attacks with bytes, in a process of its own: an app that answers, and clients that ask, as the
 * parent's message says. Sends the app's port first.
 */
export type PeerAttack =
  | 'small chunks up'
  | 'small chunks down'
  | 'small frames up'
  | 'small frames down'
  | 'small segments up'
  | 'stream up'
  | 'stream down'
  | 'slow readers';

export interface PeerOrder {
  readonly attack: PeerAttack;
  readonly resolverPort: number;
  readonly clients: number;
}

/** Must be that of `resolver-scene.ts`, which this process need not load. */
const attackedHost = 'attacked.localhost';

const head = (line: string, fields = '') => `${line} HTTP/1.1\r\nHost: ${attackedHost}\r\n${fields}\r\n`;
const upgrade = 'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: x\r\n';
const smallChunks = Buffer.from('1\r\na\r\n'.repeat(16_384));
const smallFrames = Buffer.alloc(96_000, Buffer.from([0x81, 0x01, 0x61]));
const maskedFrames = Buffer.alloc(98_000, Buffer.from([0x81, 0x81, 0, 0, 0, 0, 0x61]));
const megabyte = Buffer.alloc(1024 * 1024, 'x');
const streamBytes = 1024 * megabyte.length;

function fill(socket: Pick<Socket, 'write' | 'on' | 'destroyed'>, bytes: Buffer): void {
  const more = () => {
    while (!socket.destroyed && socket.write(bytes));
  };
  socket.on('drain', more);
  more();
}

const app = createServer((request: IncomingMessage, response: ServerResponse) => {
  request.resume();
  request.on('error', () => {});
  if (request.url === '/chunks') {
    response.socket?.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n');
    if (response.socket) fill(response.socket, smallChunks);
  } else if (request.url === '/stream') {
    response.writeHead(200, { 'Content-Length': String(streamBytes) });
    let left = streamBytes / megabyte.length;
    const more = () => {
      while (left > 0) {
        left -= 1;
        if (left === 0) return void response.end(megabyte);
        if (!response.write(megabyte)) return;
      }
    };
    response.on('drain', more);
    more();
  } else request.on('end', () => response.end('ok'));
});
app.on('upgrade', (request: IncomingMessage, socket: Socket) => {
  socket.on('error', () => {});
  socket.resume();
  socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
  if (request.url === '/down') fill(socket, smallFrames);
});

let clients = 0;

/** From several addresses, since each may have so many requests in flight only. */
function client(port: number, first: string, then?: (socket: Socket) => void): Socket {
  clients += 1;
  const socket = connect({ host: '127.0.0.1', port, localAddress: `127.8.0.${1 + (clients % 8)}` });
  socket.on('error', () => {});
  socket.setNoDelay(true);
  socket.write(first);
  socket.resume();
  then?.(socket);
  return socket;
}

function attack(kind: PeerAttack, port: number): void {
  switch (kind) {
    case 'small chunks up':
      return void client(port, head('POST /', 'Transfer-Encoding: chunked\r\n'), (socket) => fill(socket, smallChunks));
    case 'small chunks down':
      return void client(port, head('GET /chunks'));
    case 'small frames up':
      return void client(port, head('GET /up', upgrade), (socket) =>
        socket.once('data', () => fill(socket, maskedFrames)),
      );
    case 'small frames down':
      return void client(port, head('GET /down', upgrade));
    case 'small segments up':
      return void client(port, head('POST /', 'Content-Length: 1000000000\r\n'), (socket) => {
        const more = () => {
          for (let at = 0; at < 200; at += 1) socket.write('a');
          if (!socket.destroyed) setImmediate(more);
        };
        more();
      });
    case 'stream up':
      return void client(port, head('POST /', `Content-Length: ${streamBytes}\r\n`), (socket) => {
        let left = streamBytes / megabyte.length;
        const more = () => {
          while (left > 0) {
            left -= 1;
            if (!socket.write(megabyte)) return;
          }
        };
        socket.on('drain', more);
        more();
      });
    case 'stream down':
      return void client(port, head('GET /stream'));
    case 'slow readers':
      return void client(port, head('GET /stream'), (socket) => {
        socket.pause();
        const timer = setInterval(() => socket.read(1), 1_000);
        socket.on('close', () => clearInterval(timer));
      });
  }
}

process.on('message', ({ attack: kind, resolverPort, clients: count }: PeerOrder) => {
  // On a real network the attacker computes on a machine of its own.
  setPriority(19);
  for (let at = 0; at < count; at += 1) attack(kind, resolverPort);
});
process.on('disconnect', () => process.exit(0));
app.listen(0, '127.0.0.1', 4_096, () => process.send?.({ port: (app.address() as AddressInfo).port }));
