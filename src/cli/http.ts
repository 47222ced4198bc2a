import type { IncomingMessage, OutgoingHttpHeaders } from 'node:http';
import type { LookupFunction } from 'node:net';
import type { Environment } from '../config/environment.ts';
import { PlatformError } from '../domain/errors.ts';
import { Agent, request as requestHttp } from '../system/node-http.ts';

export interface HttpRequest {
  readonly method: string;
  readonly url: URL;
  readonly headers?: OutgoingHttpHeaders;
  readonly body?: string;
  /** Until the answer's head is there. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** Connections to the platform, kept alive from call to call. */
export class Http {
  readonly #env: Environment;
  readonly #agents = new Map<string, Agent>();

  constructor(env: Environment) {
    this.#env = env;
  }

  /** Resolves when the answer's head has come; throws `unavailable` or `timeout`, naming the server. */
  send(request: HttpRequest): Promise<IncomingMessage> {
    const deadline = AbortSignal.timeout(request.timeoutMs);
    const signal = AbortSignal.any([request.signal, deadline]);
    return new Promise((resolve, reject) => {
      const { url, method, body } = request;
      const open = url.protocol === 'https:' ? https().request : requestHttp;
      const outgoing = open(url, {
        method,
        agent: this.#agent(url),
        headers: { ...request.headers, ...(body === undefined ? {} : { 'content-length': Buffer.byteLength(body) }) },
        ...(isLocalhostName(url.hostname) ? { lookup: lookUpLocalhost } : {}),
      });
      const abort = () => outgoing.destroy(signal.reason);
      if (signal.aborted) abort();
      signal.addEventListener('abort', abort, { once: true });
      outgoing.on('response', (response) => {
        signal.removeEventListener('abort', abort);
        resolve(response);
      });
      outgoing.on('error', (cause) => {
        signal.removeEventListener('abort', abort);
        reject(request.signal.aborted ? request.signal.reason : unreachable(request, deadline.aborted, cause));
      });
      outgoing.end(body);
    });
  }

  /** Ends the connections, so that the program can end. */
  close(): void {
    for (const agent of this.#agents.values()) agent.destroy();
    this.#agents.clear();
  }

  #agent(url: URL): Agent {
    const key = `${url.protocol}${isLoopback(url.hostname)}`;
    const known = this.#agents.get(key);
    if (known) return known;
    // A proxy is for servers elsewhere: what listens on this machine is asked directly, whatever NO_PROXY says.
    const options = {
      keepAlive: true,
      ...(isLoopback(url.hostname) ? {} : { proxyEnv: this.#env as NodeJS.ProcessEnv }),
    };
    const agent =
      url.protocol === 'https:' ? new (https().Agent)({ ...options, ca: trustedCertificates() }) : new Agent(options);
    this.#agents.set(key, agent);
    return agent;
  }
}

/** Only with the first request that needs it: most are to this machine, and TLS takes a command 15 ms to load. */
function https() {
  return process.getBuiltinModule('node:https');
}

/** Node's own list and the machine's: behind a proxy that opens TLS, only the machine knows that proxy's certificate. */
function trustedCertificates(): string[] {
  const { getCACertificates } = process.getBuiltinModule('node:tls');
  return [...getCACertificates('default'), ...getCACertificates('system')];
}

export async function readText(response: IncomingMessage, maxBytes = 64 * 1024 * 1024): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > maxBytes) {
      response.destroy();
      throw new PlatformError('too_large', `The server's answer has more than ${maxBytes} bytes.`);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

export function isLoopback(hostname: string): boolean {
  return isLocalhostName(hostname) || /^127\.\d+\.\d+\.\d+$/.test(hostname) || hostname === '[::1]';
}

/** `localhost` and every name below it are this machine (RFC 6761 §6.3), also where the resolver does not know it. */
export function isLocalhostName(hostname: string): boolean {
  return hostname === 'localhost' || hostname.endsWith('.localhost');
}

/** For requests to such a name: the connection is made to the loopback address, whatever the system's resolver knows. */
export const lookUpLocalhost: LookupFunction = (_hostname, options, callback) => {
  if (options.all) callback(null, [{ address: '127.0.0.1', family: 4 }]);
  else callback(null, '127.0.0.1', 4);
};

function unreachable(request: HttpRequest, timedOut: boolean, cause: unknown): PlatformError {
  const { origin } = request.url;
  if (timedOut) {
    return new PlatformError('timeout', `${origin} did not answer within ${request.timeoutMs / 1000} s.`, { cause });
  }
  return new PlatformError('unavailable', `Cannot reach ${origin}: ${reasonOf(cause)}.`, { cause });
}

const reasons: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there',
  ENOTFOUND: 'the name has no address',
  EAI_AGAIN: 'the name server does not answer',
  ECONNRESET: 'the connection was closed',
  EHOSTUNREACH: 'there is no way to that host',
  ENETUNREACH: 'there is no way to that network',
};

function reasonOf(cause: unknown): string {
  const { code, message } = cause as NodeJS.ErrnoException;
  return (code !== undefined && reasons[code]) || message || String(cause);
}
