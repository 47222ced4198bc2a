import { Agent, type ClientRequest, request } from 'node:http';
import type { Visit, Visited } from './visitors.ts';

/**
 * Visitors in a process of their own: requests at fixed times whatever became of the earlier ones. Every second one has a
 * connection of its own. The others share connections, and repeat a GET whose connection was closed before its answer, as
 * browsers do (RFC 9110 §9.2.2).
 */
const patienceMs = 30_000;

const kept = new Agent({ keepAlive: true });
const pending = new Set<Promise<void>>();
let visits: Visit[] = [];
let sent = 0;

function visit(visited: Visited): void {
  sent += 1;
  const one = begin(visited, sent % 2 === 0);
  pending.add(one);
  void one.then(() => pending.delete(one));
}

async function begin(visited: Visited, keeps: boolean): Promise<void> {
  const begunAt = Date.now();
  for (;;) {
    const { failure, mayRepeat } = await send(visited, keeps);
    if (failure !== null && mayRepeat) continue;
    visits.push({ begunAt, endedAt: Date.now(), failure });
    return;
  }
}

interface Ended {
  /** Null when it was answered with 200. */
  readonly failure: string | null;
  readonly mayRepeat: boolean;
}

function send({ port, host }: Visited, keeps: boolean): Promise<Ended> {
  return new Promise((resolve) => {
    const outgoing: ClientRequest = request({
      host: '127.0.0.1',
      port,
      headers: { Host: host },
      agent: keeps ? kept : false,
    });
    let isAnswered = false;
    const failed = ({ message }: Error) =>
      resolve({ failure: message, mayRepeat: outgoing.reusedSocket && !isAnswered });
    const late = setTimeout(() => outgoing.destroy(new Error(`no answer within ${patienceMs} ms`)), patienceMs);
    outgoing.on('close', () => clearTimeout(late));
    outgoing.on('error', failed);
    outgoing.on('response', (answer) => {
      isAnswered = true;
      answer.on('error', failed);
      answer.on('end', () => {
        const { statusCode } = answer;
        resolve({ failure: statusCode === 200 ? null : `${statusCode} ${body}`.trimEnd(), mayRepeat: false });
      });
      let body = '';
      answer.setEncoding('utf8').on('data', (text: string) => {
        body += text;
      });
    });
    outgoing.end();
  });
}

process.on('disconnect', () => process.exit(0));
process.on('message', (message: Visited | 'report') => {
  if (message !== 'report') {
    setInterval(visit, 1000 / message.perSecond, message);
    return;
  }
  void Promise.all(pending).then(() => {
    process.send?.(visits);
    visits = [];
  });
});
process.send?.('ready');
