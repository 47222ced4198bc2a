import type { IncomingMessage } from 'node:http';
import { createRequire } from 'node:module';
import type { Duplex, Readable } from 'node:stream';
import { inspect } from 'node:util';
import type DockerModem from 'docker-modem';
import { PlatformError } from '../domain/errors.ts';
import { Agent } from '../system/node-http.ts';
import { toPlatformError } from './docker-errors.ts';

/** Only dockerode's transport. dockerode itself loads gRPC and protobuf, 14 MB of memory for build sessions that are not used. */
const Modem = createRequire(import.meta.resolve('dockerode'))('docker-modem') as typeof DockerModem;

/**
 * The connection to one Docker engine. All calls use dockerode's transport and not its methods, because only some methods
 * take an abort signal (not image.inspect, image.get, network.inspect), and every call here must end.
 */
export interface Connection {
  /** `unix`: the engine is assumed to run on this machine, so that the host's files are this machine's. */
  readonly kind: 'unix' | 'tcp';
  /** A short call. Resolves with the parsed body. Throws `unavailable` after its deadline (default 30 s). */
  request<T>(call: EngineCall): Promise<T>;
  /**
   * A call whose answer is a stream. Resolves with the headers, for which the deadline holds. After that only `signal` ends
   * it. The caller reads the stream to its end or destroys it.
   */
  stream(call: EngineCall & { readonly signal: AbortSignal }): Promise<IncomingMessage>;
  /** A call that turns the connection into raw bytes in both directions (attach, exec). */
  hijack(call: EngineCall & { readonly signal: AbortSignal }): Promise<Duplex>;
}

export interface EngineCall {
  readonly method: 'GET' | 'POST' | 'DELETE';
  readonly path: string;
  /** The call in words, for error messages: "start container web-1". */
  readonly what: string;
  readonly query?: Readonly<Record<string, string | number | boolean | object | undefined>>;
  readonly body?: object;
  /** A tar to send instead of a JSON body. */
  readonly tar?: Readable | Buffer;
  /** The login for a registry that the engine connects to. Empty: no login. */
  readonly registryAuth?: object;
  readonly deadlineMs?: number;
  readonly signal?: AbortSignal;
  /** The engine takes a second or more to answer. Such a request leaves the sockets of short calls to others. */
  readonly isSlow?: boolean;
}

const defaultDeadlineMs = 30_000;
const shortCallSockets = 64;

/** `dockerHost` is `unix:///path` or `tcp://host:port`. Throws `invalid_params` for anything else. Does not connect yet. */
export function connect(dockerHost: string): Connection {
  const address = parseDockerHost(dockerHost);
  // Streams last as long as a container. In a common pool they would block the short calls (docker-modem #23). Sockets are
  // not reused, because a restarted engine has closed them, and a new connection costs 0.1 ms.
  const short = client(address, new PlainAgent({ keepAlive: false, maxSockets: shortCallSockets }));
  const long = client(address, new PlainAgent({ keepAlive: false, maxSockets: Number.POSITIVE_INFINITY }));
  return {
    kind: address.kind,
    request: (call) =>
      withDeadline(call, (signal) => dial(call.isSlow ? long : short, { ...call, signal }, {})) as Promise<never>,
    stream: (call) =>
      headersWithin(call, (signal) => dial(long, { ...call, signal }, { isStream: true }) as Promise<IncomingMessage>),
    // A body of known length ends the request before the connection is upgraded. A chunked body would leave its end among
    // the first bytes of the process's standard input.
    hijack: (call) =>
      headersWithin(call, async (signal) => {
        const upgrade = { ...call, body: call.body ?? { upgrade: true }, signal };
        return takenOver(await dial(long, upgrade, { isStream: true, hijack: true }), call.what);
      }),
  };
}

/**
 * docker-modem formats the options of every call for a debug log that is off (modem.js, "Sending"), and with them the agent
 * and everything that its open sockets refer to. This costs 5 ms of CPU time per socket and call.
 */
class PlainAgent extends Agent {
  [inspect.custom](): string {
    return 'Agent';
  }
}

type Address =
  | { readonly kind: 'unix'; readonly socketPath: string }
  | { readonly kind: 'tcp'; readonly host: string; readonly port: string };

function parseDockerHost(dockerHost: string): Address {
  if (dockerHost.startsWith('unix://') && dockerHost.length > 'unix://'.length) {
    return { kind: 'unix', socketPath: dockerHost.slice('unix://'.length) };
  }
  const url = URL.parse(dockerHost);
  if (url !== null && (url.protocol === 'tcp:' || url.protocol === 'http:') && url.hostname !== '') {
    return { kind: 'tcp', host: url.hostname, port: url.port || '2375' };
  }
  throw new PlatformError('invalid_params', `"${dockerHost}" is no engine address.`, {
    hint: 'Set PAAS_DOCKER_HOST to unix:///var/run/docker.sock or tcp://host:port.',
  });
}

function client(address: Address, agent: Agent): DockerModem {
  // docker-modem reads each option that is not set from DOCKER_* in our environment. So all are set, some to undefined: the
  // address comes only from the platform's settings.
  const nothing = { ca: undefined, cert: undefined, key: undefined, timeout: undefined, username: undefined };
  const where =
    address.kind === 'unix'
      ? { socketPath: address.socketPath, host: undefined, port: undefined }
      : { host: address.host, port: address.port, socketPath: undefined };
  const options = { ...nothing, ...where, protocol: 'http', agent };
  return new Modem(options as DockerModem.ConstructorOptions);
}

function dial(
  modem: DockerModem,
  call: EngineCall,
  mode: { readonly isStream?: boolean; readonly hijack?: boolean },
): Promise<unknown> {
  const query = Object.fromEntries(Object.entries(call.query ?? {}).filter(([, value]) => value !== undefined));
  return new Promise((resolve, reject) => {
    modem.dial(
      {
        path: `${call.path}?`,
        method: call.method,
        // Without `_body`, docker-modem would send the query as the body too.
        options: { _query: query, _body: call.body ?? {} },
        statusCodes: { 200: true, 201: true, 204: true },
        ...(call.tar === undefined ? {} : { file: call.tar }),
        ...(call.registryAuth === undefined ? {} : { authconfig: call.registryAuth }),
        ...(call.signal === undefined ? {} : { abortSignal: call.signal }),
        ...mode,
      },
      (error, result) => (error === null || error === undefined ? resolve(result) : reject(error)),
    );
  });
}

/** A proxy in front of the engine may answer without upgrading the connection. */
function takenOver(answer: unknown, what: string): Duplex {
  if (typeof (answer as Partial<Duplex>).write === 'function') return answer as Duplex;
  (answer as IncomingMessage).destroy();
  throw new PlatformError('unavailable', `The container engine keeps its connection to itself (${what}).`, {
    hint: 'Let PAAS_DOCKER_HOST be the engine itself, without a proxy that knows no upgrade.',
  });
}

async function withDeadline<T>(call: EngineCall, run: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const deadlineMs = call.deadlineMs ?? defaultDeadlineMs;
  const deadline = new AbortController();
  const timer = setTimeout(() => deadline.abort(), deadlineMs);
  const signal = call.signal === undefined ? deadline.signal : AbortSignal.any([call.signal, deadline.signal]);
  let giveUp = () => {};
  const aborted = new Promise<never>((_resolve, reject) => {
    giveUp = () => reject(signal.reason);
    signal.addEventListener('abort', giveUp, { once: true });
  });
  try {
    signal.throwIfAborted();
    // The race is necessary because the transport does not observe the signal between two of its steps.
    return await Promise.race([run(signal), aborted]);
  } catch (error) {
    throw toPlatformError(error, {
      what: call.what,
      deadlineMs,
      timedOut: deadline.signal.aborted,
      ...(call.signal === undefined ? {} : { signal: call.signal }),
    });
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', giveUp);
  }
}

/** The deadline holds until the headers. After that only the caller's signal ends the stream, by destroying it. */
async function headersWithin<T extends IncomingMessage | Duplex>(
  call: EngineCall & { readonly signal: AbortSignal },
  run: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const whole = new AbortController();
  const stream = await withDeadline(call, (headers) => {
    const giveUp = () => whole.abort(headers.reason);
    headers.addEventListener('abort', giveUp, { once: true });
    return run(whole.signal).then((arrived) => {
      headers.removeEventListener('abort', giveUp);
      // The call was given up before the headers arrived.
      if (whole.signal.aborted) arrived.destroy();
      return arrived;
    });
  });
  const abort = () => stream.destroy();
  call.signal.addEventListener('abort', abort, { once: true });
  stream.once('close', () => call.signal.removeEventListener('abort', abort));
  if (call.signal.aborted) stream.destroy();
  return stream;
}
