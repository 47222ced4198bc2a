import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MalformedAnswer } from '../../src/resolver/answer-fields.ts';
import { AnswerReader, type Asked } from '../../src/resolver/answer-reader.ts';

const maxHeadBytes = 1_000;
const get: Asked = { method: 'GET', switchProtocols: false };
const head: Asked = { method: 'HEAD', switchProtocols: false };
const upgrade: Asked = { method: 'GET', switchProtocols: true };

/** What is read of an answer: its head, its body in quotes, its trailers, and what becomes of the connection. */
function read(text: string, asked: Asked, size: number): string {
  const said: string[] = [];
  let body = '';
  let over = false;
  const reader = new AnswerReader(asked, maxHeadBytes, {
    continued: () => said.push('continue'),
    head: (answer) => {
      const { status, reason, fields } = answer.head;
      said.push(`${status} ${reason}`, ...pairs(fields), answer.keepsConnection ? 'keep' : 'close');
    },
    body: (bytes) => {
      body += bytes.toString('latin1');
    },
    complete: (trailers, isLast) => {
      over = true;
      said.push(`"${body}"`, ...pairs(trailers), ...(isLast ? ['close'] : []));
    },
    switched: (answer, rest) => {
      over = true;
      said.push(`${answer.status}`, ...pairs(answer.fields), `then ${rest.toString('latin1')}`);
    },
  });
  const bytes = Buffer.from(text, 'latin1');
  try {
    let at = 0;
    for (; at < bytes.length && !over; at += size) reader.push(bytes.subarray(at, at + size));
    const rest = bytes.toString('latin1', at);
    if (!over && !reader.end()) said.push(`"${body}"`, 'cut');
    else if (said.at(-1)?.startsWith('then ')) said.push(`${said.pop()}${rest}`);
    else if (rest !== '' && said.at(-1) !== 'close') said.push('close');
  } catch (error) {
    assert.ok(error instanceof MalformedAnswer, String(error));
    said.push(`bad: ${error.rule}`);
  }
  return said.join('; ');
}

function pairs(fields: readonly string[]): readonly string[] {
  return fields.flatMap((name, at) => (at % 2 === 0 ? [`${name}=${fields[at + 1]}`] : []));
}

const ok = 'HTTP/1.1 200 OK\r\n';
const chunked = `${ok}Transfer-Encoding: chunked\r\n\r\n`;
const two = 'Content-Length: 2\r\n';

/** Each row: a name, the answer, what is read of it, and what was asked when that is not GET. */
const rows: readonly (readonly [name: string, answer: string, read: string, asked?: Asked])[] = [
  ['a length', `${ok}${two}A: b\r\n\r\nok`, '200 OK; A=b; Content-Length=2; keep; "ok"'],
  ['line feeds alone', 'HTTP/1.1 200 OK\nContent-Length: 2\nA: b\n\nok', '200 OK; A=b; Content-Length=2; keep; "ok"'],
  ['both ends of lines', `HTTP/1.1 200 OK\n${two}A: b\n\r\nok`, '200 OK; A=b; Content-Length=2; keep; "ok"'],
  ['an empty line before the status line', `\r\n\n${ok}${two}\r\nok`, '200 OK; Content-Length=2; keep; "ok"'],
  ['no reason and no blank', `HTTP/1.1 200\r\n${two}\r\nok`, '200 ; Content-Length=2; keep; "ok"'],
  ['an empty reason', `HTTP/1.1 200 \r\n${two}\r\nok`, '200 ; Content-Length=2; keep; "ok"'],
  [
    'blanks in the status line',
    ` HTTP/1.1\t 200  Very Well \r\n${two}\r\nok`,
    '200 Very Well; Content-Length=2; keep; "ok"',
  ],
  ['a later minor version', `HTTP/1.2 200 OK\r\n${two}\r\nok`, '200 OK; Content-Length=2; keep; "ok"'],
  ['a later major version', `HTTP/2.0 200 OK\r\n${two}\r\nok`, '200 OK; Content-Length=2; keep; "ok"'],
  ['a version in small letters', `http/1.1 200 OK\r\n${two}\r\nok`, '200 OK; Content-Length=2; keep; "ok"'],
  ['HTTP/1.0', `HTTP/1.0 200 OK\r\n${two}\r\nok`, '200 OK; Content-Length=2; close; "ok"'],
  [
    'HTTP/1.0 that keeps its connection',
    `HTTP/1.0 200 OK\r\n${two}Connection: Keep-Alive\r\n\r\nok`,
    '200 OK; Connection=Keep-Alive; Content-Length=2; keep; "ok"',
  ],
  [
    'close among other options',
    `${ok}${two}Connection: x, Close\r\n\r\nok`,
    '200 OK; Connection=x, Close; Content-Length=2; close; "ok"',
  ],
  ['a status above 599', `HTTP/1.1 999 Odd\r\n${two}\r\nok`, '999 Odd; Content-Length=2; keep; "ok"'],
  [
    'blanks around a value',
    `${ok}${two}A:b\r\nC: \t d \t\r\nE:\r\n\r\nok`,
    '200 OK; A=b; C=d; E=; Content-Length=2; keep; "ok"',
  ],
  ['blanks before a colon', `${ok}Content-Length : 2\r\nA\t: b\r\n\r\nok`, '200 OK; A=b; Content-Length=2; keep; "ok"'],
  [
    'a value over three lines',
    `${ok}${two}A: b\r\n c\r\n\t d \r\n\r\nok`,
    '200 OK; A=b c d; Content-Length=2; keep; "ok"',
  ],
  [
    'a value that begins in the next line',
    `${ok}${two}A:\r\n b\r\n \r\n\r\nok`,
    '200 OK; A=b; Content-Length=2; keep; "ok"',
  ],
  [
    'a coding in the next line',
    `${ok}Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n`,
    '200 OK; Transfer-Encoding=chunked; keep; ""',
  ],
  ['a blank before the first field', `${ok} X: y\r\n${two}\r\nok`, '200 OK; Content-Length=2; keep; "ok"'],
  ['the same length twice', `${ok}${two}A: b\r\n${two}\r\nok`, '200 OK; A=b; Content-Length=2; keep; "ok"'],
  ['the same length in a list', `${ok}Content-Length: 2, 2 ,02\r\n\r\nok`, '200 OK; Content-Length=2; keep; "ok"'],
  [
    'a length beside chunks',
    `${ok}${two}Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n`,
    '200 OK; Transfer-Encoding=chunked; close; "a"',
  ],
  [
    'two lengths beside chunks',
    `${ok}Transfer-Encoding: chunked\r\n${two}Content-Length: x\r\n\r\n0\r\n\r\n`,
    '200 OK; Transfer-Encoding=chunked; close; ""',
  ],
  [
    'chunked twice',
    `${ok}Transfer-Encoding: chunked\r\nTransfer-Encoding: Chunked\r\n\r\n1\r\na\r\n0\r\n\r\n`,
    '200 OK; Transfer-Encoding=chunked; keep; "a"',
  ],
  [
    'chunked twice in a list',
    `${ok}Transfer-Encoding: chunked, chunked\r\n\r\n1\r\na\r\n0\r\n\r\n`,
    '200 OK; Transfer-Encoding=chunked; keep; "a"',
  ],
  [
    'a list with empty places',
    `${ok}Transfer-Encoding: , chunked,\r\n\r\n0\r\n\r\n`,
    '200 OK; Transfer-Encoding=chunked; keep; ""',
  ],
  ['identity', `${ok}Transfer-Encoding: identity\r\n${two}\r\nok`, '200 OK; Content-Length=2; keep; "ok"'],
  [
    'chunks of HTTP/1.0',
    `HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n`,
    '200 OK; Connection=keep-alive; Transfer-Encoding=chunked; close; "a"',
  ],
  [
    'chunks',
    `${chunked}2\r\nab\r\n00A\r\n0123456789\r\n0\r\n\r\n`,
    '200 OK; Transfer-Encoding=chunked; keep; "ab0123456789"',
  ],
  ['chunks with line feeds alone', `${chunked}2\nab\n1\nc\n0\n\n`, '200 OK; Transfer-Encoding=chunked; keep; "abc"'],
  ['extensions', `${chunked}2;a=b;c="d;e"\r\nab\r\n0 ; x\r\n\r\n`, '200 OK; Transfer-Encoding=chunked; keep; "ab"'],
  ['blanks behind a size', `${chunked}2 \t\r\nab\r\n0  \r\n\r\n`, '200 OK; Transfer-Encoding=chunked; keep; "ab"'],
  [
    'trailers',
    `${chunked}1\r\na\r\n0\r\nX : y\r\n z\nA: b\r\n\r\n`,
    '200 OK; Transfer-Encoding=chunked; keep; "a"; X=y z; A=b',
  ],
  ['no end of trailers', `${chunked}1\r\na\r\n0\r\n`, '200 OK; Transfer-Encoding=chunked; keep; "a"; close'],
  ['until the end of the connection', `${ok}A: b\r\n\r\nall of it`, '200 OK; A=b; close; "all of it"; close'],
  ['nothing until the end of the connection', `${ok}\r\n`, '200 OK; close; ""; close'],
  ['204 with a length', `HTTP/1.1 204 No Content\r\n${two}\r\n`, '204 No Content; keep; ""'],
  ['204 with chunks', 'HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n', '204 No Content; keep; ""'],
  [
    '304 with a length',
    `HTTP/1.1 304 Not Modified\r\n${two}${two}\r\n`,
    '304 Not Modified; Content-Length=2; keep; ""',
  ],
  ['304 with chunks', 'HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n', '304 Not Modified; keep; ""'],
  ['HEAD with a length', `${ok}${two}\r\n`, '200 OK; Content-Length=2; keep; ""', head],
  ['HEAD with chunks', `${chunked}`, '200 OK; keep; ""', head],
  ['HEAD with a body', `${ok}${two}\r\nok`, '200 OK; Content-Length=2; keep; ""; close', head],
  [
    '100 and others before',
    `HTTP/1.1 100 Continue\n\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n${ok}${two}\r\nok`,
    'continue; 200 OK; Content-Length=2; keep; "ok"',
  ],
  [
    '102 with a length',
    `HTTP/1.1 102 Processing\r\n${two}\r\n${ok}${two}\r\nok`,
    '200 OK; Content-Length=2; keep; "ok"',
  ],
  ['101', `HTTP/1.1 101 Switching\r\nUpgrade: x\r\n${two}\r\nab`, '101; Upgrade=x; then ab', upgrade],
  ['more than the length', `${ok}${two}\r\nok, and more`, '200 OK; Content-Length=2; keep; "ok"; close'],
  ['more than the chunks', `${chunked}0\r\n\r\n${ok}`, '200 OK; Transfer-Encoding=chunked; keep; ""; close'],
  ['less than the length', `${ok}${two}\r\no`, '200 OK; Content-Length=2; keep; "o"; cut'],
  ['no last chunk', `${chunked}1\r\na\r\n`, '200 OK; Transfer-Encoding=chunked; keep; "a"; cut'],
  ['half a head', `${ok}${two}`, '""; cut'],
  [
    'a head of the largest size',
    `${ok}A: ${'x'.repeat(maxHeadBytes - 24)}\r\n\r\n`,
    `200 OK; A=${'x'.repeat(maxHeadBytes - 24)}; close; ""; close`,
  ],

  [
    'a larger head',
    `${ok}A: ${'x'.repeat(maxHeadBytes)}\r\n\r\n`,
    'bad: a head of more than 1000 bytes (PAAS_ANSWER_HEAD_KIB)',
  ],
  [
    'empty lines without end',
    '\r\n'.repeat(maxHeadBytes),
    'bad: a head of more than 1000 bytes (PAAS_ANSWER_HEAD_KIB)',
  ],
  ['something else', 'SSH-2.0-x\r\n\r\n', 'bad: a first line that is no status line (RFC 9112 4)'],
  ['a status of two digits', 'HTTP/1.1 99 Low\r\n\r\n', 'bad: a first line that is no status line (RFC 9112 4)'],
  ['a status of four digits', 'HTTP/1.1 1000 High\r\n\r\n', 'bad: a first line that is no status line (RFC 9112 4)'],
  [
    'a control character in the reason',
    'HTTP/1.1 200 \x1b[2J\r\n\r\n',
    'bad: a control character in the reason phrase (RFC 9110 5.5)',
  ],
  ['NUL in a value', `${ok}A: b\0c\r\n\r\n`, 'bad: a control character in the value of A (RFC 9110 5.5)'],
  ['NUL in a name', `${ok}A\0: b\r\n\r\n`, 'bad: a field name that is no token (RFC 9110 5.1)'],
  [
    'a carriage return in a value',
    `${ok}A: b\rSet-Cookie: c\r\n\r\n`,
    'bad: a carriage return inside a line (RFC 9112 2.2)',
  ],
  ['two carriage returns', `${ok}A: b\r\r\n\r\n`, 'bad: a carriage return inside a line (RFC 9112 2.2)'],
  ['no colon', `${ok}A b\r\n\r\n`, 'bad: a field line without a colon (RFC 9112 5)'],
  ['no name', `${ok}: b\r\n\r\n`, 'bad: a field name that is no token (RFC 9110 5.1)'],
  ['a name above 127', `${ok}caf\xe9: b\r\n\r\n`, 'bad: a field name that is no token (RFC 9110 5.1)'],
  ['two lengths', `${ok}${two}Content-Length: 3\r\n\r\nok`, 'bad: two different Content-Length values (RFC 9112 6.3)'],
  [
    'a list of two lengths',
    `${ok}Content-Length: 2, 3\r\n\r\nok`,
    'bad: two different Content-Length values (RFC 9112 6.3)',
  ],
  ['a negative length', `${ok}Content-Length: -1\r\n\r\n`, 'bad: a Content-Length that is no number (RFC 9110 8.6)'],
  ['an empty length', `${ok}Content-Length:\r\n\r\n`, 'bad: a Content-Length that is no number (RFC 9110 8.6)'],
  [
    'a length with a sign',
    `${ok}Content-Length: +2\r\n\r\nok`,
    'bad: a Content-Length that is no number (RFC 9110 8.6)',
  ],
  [
    'a length over two lines',
    `${ok}Content-Length: 1\r\n 2\r\n\r\nok`,
    'bad: a Content-Length that is no number (RFC 9110 8.6)',
  ],
  [
    'a length beyond all files',
    `${ok}Content-Length: 99999999999999999999\r\n\r\n`,
    'bad: a Content-Length that is too large (RFC 9110 8.6)',
  ],
  [
    'gzip',
    `${ok}Transfer-Encoding: gzip, chunked\r\n\r\n`,
    'bad: a transfer coding that no client asked for: gzip (RFC 9112 7)',
  ],
  [
    'a coding whose name is long',
    `${ok}Transfer-Encoding: ${'z'.repeat(99)}\r\n\r\n`,
    `bad: a transfer coding that no client asked for: ${'z'.repeat(40)}… (RFC 9112 7)`,
  ],
  [
    'almost chunked',
    `${ok}Transfer-Encoding: xchunked\r\n\r\n`,
    'bad: a transfer coding that no client asked for: xchunked (RFC 9112 7)',
  ],
  [
    'chunked with a parameter',
    `${ok}Transfer-Encoding: chunked;a=b\r\n\r\n`,
    'bad: a transfer coding that no client asked for: chunked;a=b (RFC 9112 7)',
  ],
  [
    'chunked, but not last',
    `${ok}Transfer-Encoding: chunked, identity\r\n\r\n`,
    'bad: chunked is not the last transfer coding (RFC 9112 6.3)',
  ],
  ['no coding', `${ok}Transfer-Encoding:\r\n\r\n`, 'bad: an empty Transfer-Encoding (RFC 9112 6.1)'],
  [
    '101 unasked',
    'HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n',
    'bad: a switch of protocols unasked (RFC 9110 15.2.2)',
  ],
  [
    'a size that is none',
    `${chunked}x\r\n`,
    '200 OK; Transfer-Encoding=chunked; keep; bad: a chunk whose size is no number (RFC 9112 7.1)',
  ],
  [
    'a size with a blank before',
    `${chunked} 1\r\na\r\n0\r\n\r\n`,
    '200 OK; Transfer-Encoding=chunked; keep; bad: a chunk whose size is no number (RFC 9112 7.1)',
  ],
  [
    'a negative size',
    `${chunked}-1\r\n`,
    '200 OK; Transfer-Encoding=chunked; keep; bad: a chunk whose size is no number (RFC 9112 7.1)',
  ],
  [
    'a size beyond all files',
    `${chunked}fffffffffffffffff\r\n`,
    '200 OK; Transfer-Encoding=chunked; keep; bad: a chunk that is too large (RFC 9112 7.1)',
  ],
  [
    'a chunk beyond its size',
    `${chunked}1\r\nab\r\n0\r\n\r\n`,
    '200 OK; Transfer-Encoding=chunked; keep; bad: a chunk that is longer than its size (RFC 9112 7.1)',
  ],
  [
    'a carriage return in a size',
    `${chunked}1\r;x\r\na\r\n0\r\n\r\n`,
    '200 OK; Transfer-Encoding=chunked; keep; bad: a chunk whose size is no number (RFC 9112 7.1)',
  ],
  [
    'an extension without end',
    `${chunked}1;${'x'.repeat(17_000)}`,
    '200 OK; Transfer-Encoding=chunked; keep; bad: a line of more than 16384 bytes between chunks',
  ],
  [
    'trailers without end',
    `${chunked}0\r\n${'A: b\r\n'.repeat(300)}`,
    '200 OK; Transfer-Encoding=chunked; keep; bad: trailers of more than 1000 bytes (PAAS_ANSWER_HEAD_KIB)',
  ],
  [
    'NUL in a trailer',
    `${chunked}0\r\nA: \0\r\n\r\n`,
    '200 OK; Transfer-Encoding=chunked; keep; bad: a control character in the value of A (RFC 9110 5.5)',
  ],
];

for (const [name, answer, expected, asked = get] of rows) {
  test(`an answer is read in one clean form, or refused by a rule: ${name}`, () => {
    for (const size of [answer.length, 1, 3]) assert.equal(read(answer, asked, size), expected, `in pieces of ${size}`);
  });
}
