import { EventEmitter, on } from 'node:events';
import type { Settings } from '../../src/config.ts';
import type { AppLog, LogLine, LogQuery } from '../../src/domain/log-line.ts';

export async function openAppLog(_settings: Settings): Promise<AppLog> {
  const all: { readonly appId: string; readonly line: LogLine }[] = [];
  const bus = new EventEmitter();
  bus.setMaxListeners(0);
  const matches = (appId: string, query: LogQuery) => (entry: { appId: string; line: LogLine }) => {
    const { line } = entry;
    const sources = query.source === undefined ? null : [query.source].flat();
    return (
      entry.appId === appId &&
      (sources === null || sources.includes(line.source)) &&
      (query.process === undefined || line.process === query.process || line.process.startsWith(`${query.process}.`)) &&
      (query.release === undefined || line.release === query.release)
    );
  };
  const read = (appId: string, query: LogQuery) =>
    query.lines === 0
      ? []
      : all
          .filter(matches(appId, query))
          .slice(-query.lines)
          .map(({ line }) => line);
  return {
    write(appId, line) {
      all.push({ appId, line });
      bus.emit('line', { appId, line });
    },
    read: async (appId, query) => read(appId, query),
    async *follow(appId, query, signal) {
      const live = on(bus, 'line', { signal });
      yield* read(appId, query);
      for await (const [entry] of live) if (matches(appId, query)(entry)) yield entry.line;
    },
    async remove() {},
  };
}
