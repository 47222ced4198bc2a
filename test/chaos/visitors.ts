import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

export interface Visited {
  readonly port: number;
  /** The Host header. */
  readonly host: string;
  readonly perSecond: number;
}

/** A request of a visitor. Times are in milliseconds since 1970 UTC. */
export interface Visit {
  readonly begunAt: number;
  readonly endedAt: number;
  /** Null when it was answered with 200. */
  readonly failure: string | null;
}

export interface Visitors extends AsyncDisposable {
  /** The requests since the last report. Those under way are waited for. */
  report(): Promise<readonly Visit[]>;
}

/** Sends requests until it is disposed of. */
export async function startVisitors(visited: Visited): Promise<Visitors> {
  const child = fork(join(import.meta.dirname, 'visitors-program.ts'), {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const exited = once(child, 'exit');
  await once(child, 'message');
  child.send(visited);
  return {
    async report() {
      const reported = once(child, 'message');
      child.send('report');
      return (await reported)[0] as readonly Visit[];
    },
    async [Symbol.asyncDispose]() {
      if (child.connected) child.disconnect();
      await exited;
    },
  };
}
