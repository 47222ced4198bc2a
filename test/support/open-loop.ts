import { request } from 'node:http';
import { scaled } from './deadline.ts';

/**
 * Sends requests at a fixed rate, each on a connection of its own, until it is stopped. A failure is anything but a 200:
 * the code of the error, or the status.
 */
export function openLoop(port: number, { host = 'shop.localhost', everyMs = 20 } = {}) {
  const failures: string[] = [];
  const excused: string[] = [];
  const bodies = new Set<string>();
  const open = new Set<{ isExcused: boolean; readonly over: Promise<void> }>();
  let answered = 0;
  const send = () => {
    const over = Promise.withResolvers<void>();
    const one = { isExcused: false, over: over.promise };
    open.add(one);
    const fail = (reason: string) => void (one.isExcused ? excused : failures).push(reason);
    const headers = { Host: host };
    const sent = request({ port, host: '127.0.0.1', headers, agent: false, timeout: scaled(30_000) }, (answer) => {
      let body = '';
      answer.setEncoding('utf8').on('data', (chunk: string) => {
        body += chunk;
      });
      answer.on('end', () => {
        if (answer.statusCode !== 200) return fail(`${answer.statusCode}`);
        bodies.add(body);
        answered += 1;
      });
      answer.on('error', (error: NodeJS.ErrnoException) => fail(error.code ?? error.message));
    });
    sent.on('timeout', () => sent.destroy(new Error('no answer')));
    sent.on('error', (error: NodeJS.ErrnoException) => fail(error.code ?? error.message));
    sent.on('close', () => {
      open.delete(one);
      over.resolve();
    });
    sent.end();
  };
  const timer = setInterval(send, everyMs);
  const stop = async () => {
    clearInterval(timer);
    await Promise.all([...open].map((one) => one.over));
  };
  return {
    failures,
    /** Failures of requests that were in flight at `excuse`. */
    excused,
    bodies,
    count: () => answered,
    inFlight: () => open.size,
    /** To be called when the process is killed that serves these requests. */
    excuse() {
      for (const one of open) one.isExcused = true;
    },
    stop,
    [Symbol.asyncDispose]: stop,
  };
}
