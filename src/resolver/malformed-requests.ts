import type { ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { STATUS_CODES } from '../system/node-http.ts';
import { explain, renderPage } from './error-pages.ts';
import { type HCode, hCodes } from './h-codes.ts';

/** For the client to read the answer before its connection goes: one that still sends is reset, and the answer with it. */
const lingerMs = 1_000;

/**
 * Answers what Node could not read as a request, or did not get in time, and closes the connection. `last` is the answer
 * that the connection was used for before. While it is under way the connection goes at once, and the request with it:
 * the malformed bytes may be the request's own body. Nothing is written behind a part of an answer.
 */
export function answerMalformed(error: NodeJS.ErrnoException, socket: Duplex, last: ServerResponse | undefined): void {
  const isUnderWay = last !== undefined && !last.writableFinished;
  // An answer without a socket waits for the one to an earlier request, of which a part may be out.
  if (!socket.writable || (isUnderWay && (last.headersSent || last.socket === null))) {
    socket.destroy();
    return;
  }
  if (isUnderWay) {
    socket.write(answerTo(error.code));
    socket.destroy();
    return;
  }
  const late = setTimeout(() => socket.destroy(), lingerMs);
  socket.once('close', () => clearTimeout(late));
  socket.on('error', () => socket.destroy());
  socket.end(answerTo(error.code));
}

function answerTo(errorCode: string | undefined): string {
  if (errorCode === 'ERR_HTTP_REQUEST_TIMEOUT') return answer(408, null);
  const code = errorCode === 'HPE_HEADER_OVERFLOW' ? 'H25' : 'H26';
  return answer(hCodes[code].status, code);
}

/** What the client would rather read is not known. */
function answer(status: number, code: HCode | null): string {
  const words = code === null ? { title: 'Request timeout', text: 'The request did not come in time.' } : explain(code);
  const { contentType, body } = renderPage({ status, code, ...words, requestId: null }, undefined);
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    `Content-Type: ${contentType}`,
    `Content-Length: ${body.length}`,
    'Cache-Control: no-store',
    'Connection: close',
  ];
  return `${head.join('\r\n')}\r\n\r\n${body}`;
}
