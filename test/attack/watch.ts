import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

/** What a neighbour's visitor asks for. */
export interface Watched {
  readonly port: number;
  /** The Host header. */
  readonly host: string;
  readonly path?: string;
  /** The visitor's address: any of 127.0.0.0/8. */
  readonly from?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Any other is a failed request. */
  readonly status?: number;
}

export interface WatchReport {
  /** Of each request that was answered rightly, from the time at which it was due. */
  readonly timesMs: readonly number[];
  readonly failures: readonly string[];
}

export interface Watch extends AsyncDisposable {
  /** What was measured since the last report. */
  report(): Promise<WatchReport>;
}

/** Sends 50 requests per second, to each of `watched` in turn, until it is disposed of. */
export async function startWatch(watched: readonly Watched[]): Promise<Watch> {
  const child = fork(join(import.meta.dirname, 'watch-program.ts'), { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  const exited = once(child, 'exit');
  await once(child, 'message');
  child.send(watched);
  return {
    async report() {
      const reported = once(child, 'message');
      child.send('report');
      return (await reported)[0] as WatchReport;
    },
    async [Symbol.asyncDispose]() {
      if (child.connected) child.disconnect();
      await exited;
    },
  };
}

export function percentile95(timesMs: readonly number[]): number {
  const sorted = [...timesMs].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length * 0.95)] ?? Number.NaN;
}
