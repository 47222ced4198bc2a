import { createServer, type Socket } from 'node:net';
import { parentPort, workerData } from 'node:worker_threads';

/** How the app of this thread closes connections. */
export type ClosingStyle =
  | 'fin'
  | 'fin-late'
  | 'half'
  | 'reset'
  | 'reset-late'
  | 'every-7th'
  | 'idle'
  | 'busy'
  | 'some-processes'
  | 'http-1.0'
  | 'asked-to-keep';

const style = workerData as ClosingStyle;
const done = new Map<string, number>();
let connections = 0;
let open = 0;

const answer =
  style === 'http-1.0'
    ? 'HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok'
    : `HTTP/1.1 200 OK\r\nContent-Length: 2\r\n${style === 'idle' ? 'Keep-Alive: timeout=5\r\n' : ''}\r\nok`;

/** Called after the `nth` answer of the connection number `connection`. */
function close(socket: Socket, nth: number, connection: number): void {
  const later = (work: () => void) => setTimeout(work, Math.random() * 50);
  switch (style) {
    case 'fin':
    case 'http-1.0':
      socket.destroySoon();
      break;
    case 'fin-late':
      later(() => socket.destroySoon());
      break;
    case 'half':
      socket.end();
      break;
    case 'reset':
      setImmediate(() => socket.resetAndDestroy());
      break;
    case 'reset-late':
      later(() => socket.resetAndDestroy());
      break;
    case 'every-7th':
      if (nth === 7) socket.destroySoon();
      break;
    case 'idle':
      if (Math.random() < 0.2) later(() => socket.destroySoon());
      break;
    case 'busy':
      if (open > 4) socket.destroySoon();
      break;
    case 'some-processes':
      if (connection % 3 === 0) socket.destroySoon();
      break;
    case 'asked-to-keep':
      break;
  }
}

const server = createServer({ allowHalfOpen: true }, (socket) => {
  let buffered = '';
  let nth = 0;
  connections += 1;
  open += 1;
  const connection = connections;
  socket.on('close', () => {
    open -= 1;
  });
  socket.on('error', () => socket.destroy());
  socket.on('end', () => socket.end());
  socket.on('data', (chunk) => {
    buffered += chunk.toString('latin1');
    const head = buffered.indexOf('\r\n\r\n');
    if (head === -1) return;
    const isWhole = buffered.startsWith('GET') || buffered.endsWith('0\r\n\r\n') || buffered.endsWith('body');
    if (!isWhole) return;
    const [method, path] = buffered.split(' ');
    const id = `${method} ${path}`;
    buffered = '';
    nth += 1;
    done.set(id, (done.get(id) ?? 0) + 1);
    if (socket.writable) socket.write(answer);
    close(socket, nth, connection);
  });
});

parentPort?.on('message', () => {
  parentPort?.postMessage([...done].filter(([, count]) => count > 1).map(([id]) => id));
});
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  if (address && typeof address === 'object') parentPort?.postMessage(address.port);
});
