import type { IncomingMessage, OutgoingHttpHeaders } from 'node:http';
import type { LookupFunction } from 'node:net';
import type { Environment } from '../config/environment.ts';
import { PlatformError } from '../domain/errors.ts';
import { Agent, request as requestHttp } from '../system/node-http.ts';
import { UnansweredError } from './unanswered.ts';

export interface HttpRequest {
  readonly method: string;
  readonly url: URL;
  readonly headers?: OutgoingHttpHeaders;
  readonly body?: string;
  /** For the head of the answer. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  /**
   * A connection that has carried nothing: when it is refused, the request was certainly not sent. On one that was used
   * before, the server may have closed it, and nothing says whether it read the request first.
   */
  readonly onNewConnection?: boolean;
}

/** HTTP connections, kept alive between requests. */
export class Http {
  readonly #env: Environment;
  readonly #agents = new Map<string, Agent>();

  constructor(env: Environment) {
    this.#env = env;
  }

  /** Resolves when the head of the answer has arrived. Throws UnansweredError, which names the server. */
  send(request: HttpRequest): Promise<IncomingMessage> {
    const deadline = AbortSignal.timeout(request.timeoutMs);
    const signal = AbortSignal.any([request.signal, deadline]);
    return new Promise((resolve, reject) => {
      const { url, method, body, onNewConnection = false } = request;
      let sent = false;
      const open = url.protocol === 'https:' ? https().request : requestHttp;
      const outgoing = open(url, {
        method,
        agent: this.#agent(url, onNewConnection),
        headers: { ...request.headers, ...(body === undefined ? {} : { 'content-length': Buffer.byteLength(body) }) },
        ...(isLocalhostName(url.hostname) ? { lookup: lookUpLocalhost } : {}),
      });
      const abort = () => outgoing.destroy(signal.reason);
      if (signal.aborted) abort();
      signal.addEventListener('abort', abort, { once: true });
      outgoing.on('socket', (socket) => {
        if (!socket.connecting) sent = true;
        else socket.once(url.protocol === 'https:' ? 'secureConnect' : 'connect', () => (sent = true));
      });
      outgoing.on('response', (response) => {
        signal.removeEventListener('abort', abort);
        resolve(response);
      });
      outgoing.on('error', (cause) => {
        signal.removeEventListener('abort', abort);
        const facts = { timedOut: deadline.aborted, sent };
        reject(request.signal.aborted ? request.signal.reason : unanswered(request, cause, facts));
      });
      outgoing.end(body);
    });
  }

  /** Closes the connections: open ones would keep the program running. */
  close(): void {
    for (const agent of this.#agents.values()) agent.destroy();
    this.#agents.clear();
  }

  #agent(url: URL, onNewConnection: boolean): Agent {
    const key = `${url.protocol}${isLoopback(url.hostname)}${onNewConnection}`;
    const known = this.#agents.get(key);
    if (known) return known;
    // A proxy is for other machines: servers on this machine are reached directly, even if NO_PROXY does not name them.
    const options = {
      keepAlive: !onNewConnection,
      ...(isLoopback(url.hostname) ? {} : { proxyEnv: this.#env as NodeJS.ProcessEnv }),
    };
    const agent =
      url.protocol === 'https:' ? new (https().Agent)({ ...options, ca: trustedCertificates() }) : new Agent(options);
    this.#agents.set(key, agent);
    return agent;
  }
}

/** Loaded only when needed: TLS takes 15 ms to load, and most requests go to this machine. */
function https() {
  return process.getBuiltinModule('node:https');
}

/** Node's list and the machine's list. Only the machine's list has the certificate of a proxy that intercepts TLS. */
function trustedCertificates(): string[] {
  const { getCACertificates } = process.getBuiltinModule('node:tls');
  return [...getCACertificates('default'), ...getCACertificates('system')];
}

/** Throws `too_large`, and UnansweredError when the answer is cut off. */
export async function readText(response: IncomingMessage, maxBytes = 64 * 1024 * 1024): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > maxBytes) {
        response.destroy();
        throw new PlatformError('too_large', `The server's answer has more than ${maxBytes} bytes.`);
      }
      chunks.push(chunk);
    }
  } catch (cause) {
    if (cause instanceof PlatformError) throw cause;
    throw new UnansweredError('unavailable', `The server's answer was cut off after ${bytes} bytes.`, {
      sent: true,
      cause,
    });
  }
  return Buffer.concat(chunks).toString('utf8');
}

export function isLoopback(hostname: string): boolean {
  return isLocalhostName(hostname) || /^127\.\d+\.\d+\.\d+$/.test(hostname) || hostname === '[::1]';
}

/** `localhost` and every name below it are this machine (RFC 6761 §6.3), even where the system's DNS does not say so. */
export function isLocalhostName(hostname: string): boolean {
  return hostname === 'localhost' || hostname.endsWith('.localhost');
}

/** For such names: connects to the loopback address without asking the system's DNS. */
export const lookUpLocalhost: LookupFunction = (_hostname, options, callback) => {
  if (options.all) callback(null, [{ address: '127.0.0.1', family: 4 }]);
  else callback(null, '127.0.0.1', 4);
};

function unanswered(
  { url: { origin }, timeoutMs }: HttpRequest,
  cause: unknown,
  { timedOut, sent }: { readonly timedOut: boolean; readonly sent: boolean },
): UnansweredError {
  if (timedOut)
    return new UnansweredError('timeout', `${origin} did not answer within ${timeoutMs / 1000} s.`, { sent, cause });
  const message = sent ? `${origin} gave no answer` : `Cannot reach ${origin}`;
  return new UnansweredError('unavailable', `${message}: ${reasonOf(cause)}.`, { sent, cause });
}

const reasons: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there',
  ENOTFOUND: 'the name has no address',
  EAI_AGAIN: 'the name server does not answer',
  ECONNRESET: 'the connection was closed',
  EHOSTUNREACH: 'there is no route to that machine',
  ENETUNREACH: 'there is no route to that network',
};

function reasonOf(cause: unknown): string {
  const { code, message } = cause as NodeJS.ErrnoException;
  return (code !== undefined && reasons[code]) || message || String(cause);
}
