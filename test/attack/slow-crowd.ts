import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

export interface SlowCrowdOptions {
  readonly port: number;
  readonly connections: number;
  /** What each sends at once. */
  readonly begun: string;
  /** What each sends once a second. */
  readonly drip: string;
}

/** Keeps that many connections open and slow, and opens a new one for each that is closed, until `signal` aborts. */
export async function slowCrowd(
  { port, connections, begun, drip }: SlowCrowdOptions,
  signal: AbortSignal,
): Promise<void> {
  const open = new Set<Socket>();
  const dial = () => {
    const socket = connect({ host: '127.0.0.1', port });
    open.add(socket);
    socket.on('error', () => socket.destroy()).on('close', () => open.delete(socket));
    socket.resume().write(begun);
  };
  /** Some thousand a second: slow requests are the attack, and not new connections. */
  const fill = setInterval(() => {
    for (let count = 0; count < 50 && open.size < connections; count += 1) dial();
  }, 20);
  const dripping = setInterval(() => {
    for (const socket of open) socket.write(drip);
  }, 1000);
  await once(signal, 'abort');
  clearInterval(fill);
  clearInterval(dripping);
  for (const socket of open) socket.destroy();
}
