import type { EngineEvent } from '../domain/engine.ts';
import { PlatformError } from '../domain/errors.ts';
import type { Labels } from '../domain/labels.ts';
import type { Connection } from './connection.ts';
import { toPlatformError } from './docker-errors.ts';
import { labelFilter } from './labels.ts';
import { jsonLines } from './streams.ts';

interface DockerEvent {
  readonly Action: string;
  readonly Actor: { readonly ID: string; readonly Attributes: Readonly<Record<string, string>> };
  readonly time: number;
  readonly timeNano: number;
}

/** Attributes that the engine adds to a container's labels in an event. */
const notLabels = new Set(['name', 'image', 'exitCode', 'signal', 'execDuration']);
const kinds: ReadonlySet<string> = new Set(['start', 'die', 'oom', 'destroy'] satisfies EngineEvent['kind'][]);

/**
 * Listening begins with this call and not with the first `next()`, so that no event is missed while the caller lists.
 */
export function engineEvents(connection: Connection, labels: Labels, signal: AbortSignal): AsyncIterable<EngineEvent> {
  const what = 'report events';
  const answer = connection.stream({
    method: 'GET',
    path: '/events',
    query: {
      // The engine replays events since then, because our request may reach it after the caller's next one.
      since: (Date.now() / 1000).toFixed(3),
      filters: { ...labelFilter(labels), type: ['container'], event: [...kinds] },
    },
    what,
    signal,
  });
  answer.catch(() => {});
  return listen();

  async function* listen(): AsyncGenerator<EngineEvent> {
    try {
      const stream = await answer;
      try {
        for await (const event of jsonLines(stream)) {
          const known = toEvent(event as DockerEvent);
          if (known !== null) yield known;
        }
      } finally {
        stream.destroy();
      }
    } catch (error) {
      if (signal.aborted) return;
      throw toPlatformError(error, { what });
    }
    if (!signal.aborted)
      throw new PlatformError('unavailable', 'The container engine ended its events: it is stopping.');
  }
}

function toEvent(event: DockerEvent): EngineEvent | null {
  if (!kinds.has(event.Action)) return null;
  const attributes = event.Actor.Attributes;
  const exitCode = Number(attributes.exitCode);
  return {
    kind: event.Action as EngineEvent['kind'],
    containerId: event.Actor.ID,
    labels: Object.fromEntries(Object.entries(attributes).filter(([name]) => !notLabels.has(name))),
    exitCode: event.Action === 'die' && Number.isInteger(exitCode) ? exitCode : null,
    at: new Date(event.timeNano / 1e6),
  };
}
