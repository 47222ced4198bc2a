import type { EngineEvent } from '../domain/engine.ts';
import { PlatformError } from '../domain/errors.ts';
import type { Labels } from '../domain/labels.ts';
import type { Connection } from './connection.ts';
import { toPlatformError } from './docker-errors.ts';
import { carries } from './labels.ts';
import { jsonLines } from './streams.ts';

interface DockerEvent {
  readonly Type: string;
  readonly Action: string;
  readonly Actor: { readonly ID: string; readonly Attributes: Readonly<Record<string, string>> };
  readonly time: number;
  readonly timeNano: number;
}

/** Attributes that the engine adds to a container's labels in an event. */
const notLabels = new Set(['name', 'image', 'exitCode', 'signal', 'execDuration']);
const kinds: ReadonlySet<string> = new Set([
  'start',
  'die',
  'oom',
  'destroy',
  'disconnect',
] satisfies EngineEvent['kind'][]);

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
      // Not by label: the events of a network have the labels neither of the network nor of the container.
      filters: { type: ['container', 'network'], event: [...kinds] },
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
          if (known !== null && (known.kind === 'disconnect' || carries(known.labels, labels))) yield known;
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
  const { Type: type, Action: action } = event;
  // A container destroyed and a network destroyed have the same word.
  if (!kinds.has(action) || (type === 'network') !== (action === 'disconnect')) return null;
  const attributes = event.Actor.Attributes;
  const at = new Date(event.timeNano / 1e6);
  if (action === 'disconnect')
    return { kind: action, containerId: attributes.container ?? '', labels: {}, exitCode: null, at };
  const exitCode = Number(attributes.exitCode);
  return {
    kind: action as EngineEvent['kind'],
    containerId: event.Actor.ID,
    labels: Object.fromEntries(Object.entries(attributes).filter(([name]) => !notLabels.has(name))),
    exitCode: action === 'die' && Number.isInteger(exitCode) ? exitCode : null,
    at,
  };
}
