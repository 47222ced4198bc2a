import type { ServerResponse } from 'node:http';
import { PlatformError } from '../../domain/errors.ts';
import type { LogLine, LogQuery } from '../../domain/log-line.ts';
import { accessSignal, stillAllowed } from '../access-watch.ts';
import { until, write } from '../body-stream.ts';
import { maxLogLines } from '../contract.ts';
import { derivedId } from '../derived-id.ts';
import { formatLine, LineIds, momentOf, sourcesOf } from '../log-line.ts';
import type { RouteDeps } from '../route-deps.ts';
import type { Routes } from '../route-types.ts';
import type { LogView } from '../secret-links.ts';

/** Time to open the address, and to reconnect after a broken connection. */
const openWithinMs = 5 * 60_000;
const heartbeatMs = 15_000;
const defaultLines = 100;

interface Numbered {
  readonly id: string;
  readonly line: LogLine;
}

export function logSessionRoutes(deps: RouteDeps): Pick<Routes, 'createLogSession' | 'readLogSession'> {
  const { logLinks, clock } = deps;
  return {
    async createLogSession({ app, actor, body, origin }) {
      const view: LogView = {
        actor,
        appId: app.id,
        lines: body.lines ?? defaultLines,
        process: body.dyno || null,
        sources: body.source ? sourcesOf(body.source) : null,
        release: body.release ?? null,
        tail: body.tail ?? false,
      };
      const secret = logLinks.issue(view, openWithinMs);
      const now = clock.now().toISOString();
      const id = derivedId('log-session', secret);
      return { id, logplex_url: `${origin}/log-sessions/${secret}`, created_at: now, updated_at: now };
    },
    async readLogSession({ params, lastEventId, admit, signal }, response) {
      const view = logLinks.open(params.secret);
      if (!view || !(await stillAllowed(deps, view.actor, view.appId))) {
        throw new PlatformError('not_found', 'This log session has expired.', { hint: 'Open another one: paas logs' });
      }
      admit(view.actor.accountId);
      const stayOpen = () => logLinks.extend(params.secret, openWithinMs);
      await showLog(view, response, { deps, lastEventId, signal, stayOpen });
    },
  };
}

interface Showing {
  readonly deps: RouteDeps;
  readonly lastEventId: string | null;
  readonly signal: AbortSignal;
  readonly stayOpen: () => void;
}

async function showLog(view: LogView, response: ServerResponse, showing: Showing): Promise<void> {
  const { deps, lastEventId, stayOpen } = showing;
  response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' });
  response.flushHeaders();
  const over = new AbortController();
  const signal = view.tail
    ? accessSignal(deps, { ...view, signal: AbortSignal.any([showing.signal, over.signal]) })
    : showing.signal;
  const heartbeat = setInterval(() => {
    stayOpen();
    response.write(': alive\n\n');
  }, heartbeatMs);
  try {
    const lines = view.tail ? follow(view, deps, signal) : read(view, deps);
    for await (const { id, line } of lastEventId === null
      ? lines(view.lines)
      : resume(lines, lastEventId, { view, deps })) {
      await write(response, `id: ${id}\ndata: ${formatLine(line)}\n\n`);
    }
  } finally {
    clearInterval(heartbeat);
    over.abort();
    stayOpen();
  }
  response.end();
}

/** The newest `count` lines, and all lines after them. */
type Lines = (count: number) => AsyncIterable<Numbered>;

function read(view: LogView, { appLog }: RouteDeps): Lines {
  return async function* (count) {
    const ids = new LineIds();
    for (const line of await appLog.read(view.appId, queryOf(view, count))) yield { id: ids.next(line), line };
  };
}

function follow(view: LogView, { appLog }: RouteDeps, signal: AbortSignal): Lines {
  return async function* (count) {
    const ids = new LineIds();
    const lines = appLog.follow(view.appId, queryOf(view, count), signal);
    for await (const line of until(signal, lines)) yield { id: ids.next(line), line };
  };
}

/** The lines after the reader's last one. When the log no longer has that line, the lines with a later time. */
async function* resume(
  lines: Lines,
  lastEventId: string,
  { view, deps }: { readonly view: LogView; readonly deps: RouteDeps },
): AsyncIterable<Numbered> {
  const lastMs = momentOf(lastEventId);
  let known = false;
  for await (const { id } of read(view, deps)(maxLogLines)) if (id === lastEventId) known = true;
  let skipping = known;
  for await (const numbered of lines(maxLogLines)) {
    if (skipping) skipping = numbered.id !== lastEventId;
    else if (known || lastMs === null || numbered.line.at.getTime() > lastMs) yield numbered;
  }
}

function queryOf(view: LogView, lines: number): LogQuery {
  return {
    lines,
    ...(view.process === null ? {} : { process: view.process }),
    ...(view.sources === null ? {} : { source: view.sources }),
    ...(view.release === null ? {} : { release: view.release }),
  };
}
