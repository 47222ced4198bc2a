import { LogPainter, parseLogLine } from './log-line.ts';
import { type LogRequest, readLog } from './log-stream.ts';
import type { Session } from './session.ts';

/**
 * Prints lines of an app's log: with colours on a terminal, or as one JSON document per line. Ends when nobody reads them
 * any more. A log that is followed is read at the speed of the output's reader. Other lines are read at once, because a
 * connection that nobody reads from is closed on its way, and their number is limited.
 */
export async function showLog(session: Session, app: string, request: LogRequest): Promise<void> {
  const [api, http] = await Promise.all([session.api(), session.http()]);
  const painter = new LogPainter(session.style);
  const { signal } = session.io;
  const onInterruption = (reason: string) => session.warn(`${reason} Trying again.`);
  let isRead = true;
  for await (const line of readLog(app, request, { api, http, signal, onInterruption })) {
    const taken = session
      .printed(session.json ? JSON.stringify(parseLogLine(line)) : painter.paint(line))
      .then((ok) => {
        isRead &&= ok;
      });
    if (request.tail) await taken;
    if (!isRead) return;
  }
}
