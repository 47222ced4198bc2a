import type { ServerResponse } from 'node:http';
import type { Build } from '../domain/build.ts';
import type { LogLine } from '../domain/log-line.ts';
import { until, write } from './body-stream.ts';
import { maxLogLines } from './contract.ts';
import type { RouteDeps } from './route-deps.ts';

const query = { lines: maxLogLines, source: 'build' } as const;

interface Showing {
  readonly deps: RouteDeps;
  readonly signal: AbortSignal;
}

/**
 * Sends the build's lines as text, as they come, until the build ends. An app has one build at a time, so a line
 * belongs to the build by its time.
 */
export async function showBuildOutput(build: Build, response: ServerResponse, showing: Showing): Promise<void> {
  const { deps } = showing;
  response.writeHead(200, { 'Content-Type': 'text/plain; charset=utf-8', 'Cache-Control': 'no-store' });
  response.flushHeaders();
  const begun = await waitForBuild(build.id, ({ state }) => state !== 'queued', showing);
  if (!begun) {
    response.end();
    return;
  }
  const over = new AbortController();
  const ending = waitForBuild(build.id, isOver, showing).finally(() => over.abort());
  const sent = isOver(begun) ? 0 : await showLive(begun, response, { ...showing, over: over.signal });
  const ended = await ending;
  if (ended) {
    const all = await deps.appLog.read(build.appId, query);
    const lines = all.filter((line) => isWithin(line, ended));
    for (const line of lines.slice(sent)) await write(response, `${line.text}\n`);
  }
  response.end();
}

/**
 * Returns the number of lines written. After a change of the build it checks that the build still runs, because a line
 * may belong to the next build.
 */
async function showLive(
  build: Build,
  response: ServerResponse,
  { deps: { appLog, store }, signal, over }: Showing & { readonly over: AbortSignal },
): Promise<number> {
  const whileBuilding = AbortSignal.any([signal, over]);
  let changed = false;
  const dispose = store.changes.subscribe(
    ({ id }) => {
      if (id === build.id) changed = true;
    },
    () => {
      changed = true;
    },
  );
  let sent = 0;
  try {
    for await (const line of until(whileBuilding, appLog.follow(build.appId, query, whileBuilding))) {
      if (changed) {
        changed = false;
        const now = await store.builds.find(build.id);
        if (!now || isOver(now)) break;
      }
      if (!isWithin(line, build)) continue;
      sent += 1;
      await write(response, `${line.text}\n`);
    }
  } finally {
    dispose();
  }
  return sent;
}

function isOver(build: Build): boolean {
  return build.endedAt !== null;
}

function isWithin(line: LogLine, build: Build): boolean {
  return line.at >= (build.startedAt ?? build.createdAt) && (build.endedAt === null || line.at <= build.endedAt);
}

/** Resolves with the build when `check` is true; with null when the build is gone or the signal aborts. */
async function waitForBuild(
  id: string,
  check: (build: Build) => boolean,
  { deps: { store }, signal }: Showing,
): Promise<Build | null> {
  for (;;) {
    const { promise: changed, resolve } = Promise.withResolvers<void>();
    const wake = () => resolve();
    const dispose = store.changes.subscribe((change) => {
      if (change.id === id || change.table === 'apps') wake();
    }, wake);
    signal.addEventListener('abort', wake, { once: true });
    try {
      const build = signal.aborted ? null : await store.builds.find(id);
      if (!build || check(build)) return build;
      await changed;
    } finally {
      dispose();
      signal.removeEventListener('abort', wake);
    }
  }
}
