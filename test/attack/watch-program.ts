import { Agent, request } from 'node:http';
import type { Watched, WatchReport } from './watch.ts';

/**
 * A neighbour's visitors, in a process of their own, so that the attack's work does not delay what they measure: requests
 * at fixed times whatever became of the earlier ones. Every second one has a connection of its own, as a new visitor has.
 */
const perSecond = 50;
/** A visitor has left by then. */
const patienceMs = 10_000;

const kept = new Agent({ keepAlive: true });
let watched: readonly Watched[] = [];
let timesMs: number[] = [];
let failures: string[] = [];
let sent = 0;
const pending = new Set<Promise<void>>();

function visit(): void {
  const one = watched[sent % watched.length];
  sent += 1;
  if (!one) return;
  const visited = send(one, Math.floor((sent - 1) / watched.length) % 2 === 0);
  pending.add(visited);
  void visited.then(() => pending.delete(visited));
}

function send(
  { port, host, path = '/', from = '127.0.0.1', headers = {}, status = 200 }: Watched,
  keeps: boolean,
): Promise<void> {
  const begunMs = performance.now();
  return new Promise((resolve) => {
    const failed = (why: string) => {
      failures.push(`${host}: ${why}`);
      resolve();
    };
    const outgoing = request({
      host: '127.0.0.1',
      port,
      path,
      localAddress: from,
      headers: { Host: host, ...headers },
      agent: keeps ? kept : false,
    });
    const late = setTimeout(() => outgoing.destroy(new Error(`no answer within ${patienceMs} ms`)), patienceMs);
    outgoing.on('close', () => clearTimeout(late));
    outgoing.on('error', (error) => failed(error.message));
    outgoing.on('response', (answer) => {
      answer.on('error', (error) => failed(error.message));
      answer.on('end', () => {
        if (answer.statusCode !== status) return failed(`status ${answer.statusCode}`);
        timesMs.push(performance.now() - begunMs);
        resolve();
      });
      answer.resume();
    });
    outgoing.end();
  });
}

/** What was measured since the last report. Requests under way are waited for and belong to it. */
async function report(): Promise<WatchReport> {
  await Promise.all(pending);
  const whole = { timesMs, failures };
  timesMs = [];
  failures = [];
  return whole;
}

process.on('disconnect', () => process.exit(0));
process.on('message', (message: readonly Watched[] | 'report') => {
  if (message === 'report') void report().then((whole) => process.send?.(whole));
  else {
    watched = message;
    setInterval(visit, 1000 / perSecond);
  }
});
process.send?.('ready');
