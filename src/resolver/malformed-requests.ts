import type { ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { STATUS_CODES } from '../system/node-http.ts';
import { explain, renderPage } from './error-pages.ts';
import { type HCode, hCodes } from './h-codes.ts';

/**
 * Time for the client to read the answer. Closing the connection while the client still sends would reset it, and the
 * client would lose the answer.
 */
const lingerMs = 1_000;

/**
 * Answers bytes that Node could not read as a request, or a request that did not arrive in time, and closes the
 * connection. `last` is the previous answer on the connection. While that one is unfinished the connection is closed at
 * once and its request is lost: the malformed bytes may be that request's own body. Nothing is written behind a part of
 * an answer.
 */
export function answerMalformed(error: NodeJS.ErrnoException, socket: Duplex, last: ServerResponse | undefined): void {
  const isUnderWay = last !== undefined && !last.writableFinished;
  // An answer without a socket waits for that of an earlier request, which may have been sent in part.
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

/** The client's Accept header is unknown, so the page is text. */
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
