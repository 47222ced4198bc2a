import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import { listening } from './listening.ts';

/** What becomes of a request: it is passed on, or its answer is lost in one of the ways that a restart has. */
export type Fate = 'pass' | 'reset unread' | 'reset' | 'cut' | 'page' | 'H13' | 'H99' | 'closing';

/** A proxy in front of a server, which loses answers as told. Requests before a `reset` or a `cut` reach the server. */
export async function cuttingProxy(target: string, fateOf: (request: IncomingMessage) => Fate) {
  const server = createServer((incoming, outgoing) => void serve(incoming, outgoing));
  const serve = async (incoming: IncomingMessage, outgoing: ServerResponse) => {
    const fate = fateOf(incoming);
    if (fate === 'reset unread') return incoming.socket.resetAndDestroy();
    if (fate === 'H99') return page(outgoing, JSON.stringify({ id: 'H99', message: 'Restarting.' }));
    const answer = await forward(target, incoming);
    if (fate === 'reset') return incoming.socket.resetAndDestroy();
    if (fate === 'page') return page(outgoing, '<h1>502 Bad Gateway</h1>');
    if (fate === 'H13') return page(outgoing, JSON.stringify({ id: 'H13', message: 'Application error.' }));
    if (fate === 'closing') return page(outgoing, JSON.stringify({ statusCode: 503, message: 'Service Unavailable' }));
    const { status, headers, body } = answer;
    outgoing.writeHead(status, { ...headers, 'content-length': body.length });
    if (fate === 'pass') return outgoing.end(body);
    outgoing.write(body.subarray(0, body.length - 1), () => incoming.socket.resetAndDestroy());
  };
  return listening(server);
}

function page(outgoing: ServerResponse, body: string): void {
  outgoing.writeHead(503, { 'content-type': body.startsWith('{') ? 'application/json' : 'text/html' }).end(body);
}

interface Answered {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
}

function forward(target: string, incoming: IncomingMessage): Promise<Answered> {
  return new Promise((resolve, reject) => {
    const { method, headers } = incoming;
    const onward = request(new URL(incoming.url ?? '/', target), { method, headers, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.once('end', () => {
        const { 'transfer-encoding': _, connection: __, ...kept } = response.headers;
        resolve({ status: response.statusCode ?? 0, headers: kept, body: Buffer.concat(chunks) });
      });
      response.once('error', reject);
    });
    onward.once('error', reject);
    incoming.pipe(onward);
  });
}
