import { LogPainter, parseLogLine } from './log-line.ts';
import { type LogRequest, readLog } from './log-stream.ts';
import type { Session } from './session.ts';

/** Prints lines of an app's log: with colours on a terminal, or as one JSON document per line. */
export async function showLog(session: Session, app: string, request: LogRequest): Promise<void> {
  const [api, http] = await Promise.all([session.api(), session.http()]);
  const painter = new LogPainter(session.style);
  const { signal } = session.io;
  const onInterruption = (reason: string) => session.warn(`${reason} Trying again.`);
  for await (const line of readLog(app, request, { api, http, signal, onInterruption })) {
    session.print(session.json ? JSON.stringify(parseLogLine(line)) : painter.paint(line));
  }
}
