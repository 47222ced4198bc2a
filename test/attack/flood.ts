import { connect, type Socket } from 'node:net';

export interface FloodOptions {
  readonly port: number;
  readonly connections: number;
  /** What each connection sends, in turn. */
  readonly openings: readonly string[];
  /** Addresses that they come from, all of 127.1.0.0/16. */
  readonly addresses: number;
}

/** The most that are opened in one turn of 20 ms: a flood that only keeps the kernel's queue full measures that queue. */
const perTurn = 40;

/** Keeps that many connections open until `signal` aborts. One that is closed is opened again. */
export async function flood(options: FloodOptions, signal: AbortSignal): Promise<void> {
  const { port, connections, openings, addresses } = options;
  const open = new Set<Socket>();
  let opened = 0;
  const one = () => {
    const address = opened % addresses;
    const opening = openings[opened % openings.length] ?? '';
    opened += 1;
    const localAddress = `127.1.${Math.floor(address / 250)}.${1 + (address % 250)}`;
    const socket = connect({ host: '127.0.0.1', port, localAddress });
    open.add(socket);
    socket.on('error', () => socket.destroy()).on('close', () => open.delete(socket));
    socket.resume();
    if (opening !== '') socket.write(opening);
  };
  const timer = setInterval(() => {
    for (let at = 0; at < perTurn && open.size < connections; at += 1) one();
  }, 20);
  await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
  clearInterval(timer);
  for (const socket of open) socket.destroy();
}
