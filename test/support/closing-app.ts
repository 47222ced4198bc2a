import { once } from 'node:events';
import { Agent, request } from 'node:http';
import { Worker } from 'node:worker_threads';
import type { ClosingStyle } from './closing-app-thread.ts';

export interface ClosingApp extends AsyncDisposable {
  readonly port: number;
  /** Methods and paths of the requests that the app has done more than once. */
  doneTwice(): Promise<readonly string[]>;
}

/** An app on a thread of its own that closes its connections without saying so. */
export async function startClosingApp(style: ClosingStyle): Promise<ClosingApp> {
  const worker = new Worker(new URL('./closing-app-thread.ts', import.meta.url), { workerData: style });
  const [port] = (await once(worker, 'message')) as [number];
  return {
    port,
    async doneTwice() {
      worker.postMessage('done twice');
      const [ids] = (await once(worker, 'message')) as [string[]];
      return ids;
    },
    async [Symbol.asyncDispose]() {
      await worker.terminate();
    },
  };
}

let ids = 0;

/** Asks that often with each of GET and POST, back to back in each lane, and returns what failed. */
export async function askInLanes(
  port: number,
  { lanes, requests }: { readonly lanes: number; readonly requests: number },
): Promise<readonly string[]> {
  const agent = new Agent({ keepAlive: true });
  const failures: string[] = [];
  const one = (method: string) =>
    new Promise<void>((resolve) => {
      ids += 1;
      const options = { port, method, agent, path: `/${ids}`, headers: { Host: 'shop.localhost' } };
      const outgoing = request(options, (answer) => {
        answer.resume();
        if (answer.statusCode !== 200) failures.push(`${method} ${answer.statusCode}`);
        answer.on('close', resolve);
      });
      outgoing.on('error', ({ message }) => {
        failures.push(`${method} ${message}`);
        resolve();
      });
      outgoing.end(method === 'POST' ? 'body' : undefined);
    });
  for (const method of ['GET', 'POST']) {
    let left = requests;
    const lane = async () => {
      for (; left > 0; left -= 1) await one(method);
    };
    await Promise.all(Array.from({ length: lanes }, lane));
  }
  agent.destroy();
  return failures;
}
