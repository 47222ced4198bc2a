import type { IncomingMessage } from 'node:http';
import type { z } from 'zod';
import { fillPath, mediaType } from '../api/contract/path.ts';
import type { AnswerOf, BodyOf, Endpoint, ParamsOf } from '../api/contract.ts';
import { PlatformError } from '../domain/errors.ts';
import { ApiError } from './errors.ts';
import { type Http, readText } from './http.ts';
import { isChanging, lostChange } from './lost-change.ts';
import { mayBeDone, repeated } from './repeating.ts';
import type { Endpoints, Route } from './route.ts';
import { UnansweredError } from './unanswered.ts';

export type Answer<R extends Route> = AnswerOf<Endpoints[R]>;

export type ListRoute = {
  [R in Route]: Endpoints[R] extends { readonly range: readonly string[]; readonly response: z.ZodArray } ? R : never;
}[Route];
type Element<T> = T extends readonly (infer E)[] ? E : never;

/** An endpoint without parameters has the type of any record. */
type Params<E extends Endpoint> = string extends keyof ParamsOf<E> ? unknown : { readonly params: ParamsOf<E> };
type Body<E extends Endpoint> =
  undefined extends BodyOf<E> ? { readonly body?: Exclude<BodyOf<E>, undefined> } : { readonly body: BodyOf<E> };
type Input<R extends Route> = Params<Endpoints[R]> & Body<Endpoints[R]> & { readonly timeoutMs?: number };
type Arguments<R extends Route> = Record<never, never> extends Input<R> ? [input?: Input<R>] : [input: Input<R>];
type ListInput<R extends ListRoute> = Params<Endpoints[R]> & { readonly range?: string };
type ListArguments<R extends ListRoute> =
  Record<never, never> extends ListInput<R> ? [input?: ListInput<R>] : [input: ListInput<R>];

interface Call {
  readonly params?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  readonly range?: string;
  readonly timeoutMs?: number;
}

/** Some answers wait for instances: stopping them takes 30 s, and a release of many instances takes longer. */
const answerTimeoutMs = 180_000;

/**
 * How long a request is repeated that a restart of the platform cuts off. One that has not answered yet may not run at
 * all, and whoever forgot to start it should not wait.
 */
const patienceMs = { answered: 10_000, silent: 8_000 } as const;

/** The API of one platform, used with one account's token. */
export class ApiClient {
  readonly url: URL;
  readonly #token: string | undefined;
  readonly #http: Http;
  readonly #signal: AbortSignal;
  readonly #onWait: () => void;
  #hasAnswered = false;

  constructor(options: {
    readonly url: URL;
    readonly token: string | undefined;
    readonly http: Http;
    readonly signal: AbortSignal;
    /** Called when a request is repeated for longer than a second. */
    readonly onWait?: () => void;
  }) {
    this.url = options.url;
    this.#token = options.token;
    this.#http = options.http;
    this.#signal = options.signal;
    this.#onWait = options.onWait ?? (() => undefined);
  }

  /**
   * Throws ApiError with the server's code, message and hint, UnansweredError when there is no answer, and
   * LostChangeError when a change may have been made all the same.
   */
  async call<R extends Route>(route: R, ...[input]: Arguments<R>): Promise<Answer<R>> {
    const { value } = await this.#send(route, (input ?? {}) as Call);
    return value as Answer<R>;
  }

  /** Returns a whole list, read page by page. With `max=` in the range, it returns that page only. */
  async list<R extends ListRoute>(route: R, ...[input]: ListArguments<R>): Promise<Element<Answer<R>>[]> {
    const all: Element<Answer<R>>[] = [];
    const { range, ...call } = (input ?? {}) as Call;
    let next = range;
    do {
      const page = await this.#send(route, next === undefined ? call : { ...call, range: next });
      all.push(...(page.value as Element<Answer<R>>[]));
      next = page.nextRange;
    } while (next !== undefined && !range?.includes('max='));
    return all;
  }

  async #send(route: Route, call: Call): Promise<Received> {
    const isRead = !isChanging(route);
    try {
      const patience = this.#hasAnswered ? patienceMs.answered : patienceMs.silent;
      const options = { isRead, patienceMs: patience, signal: this.#signal, onWait: this.#onWait };
      return await repeated(() => this.#sendOnce(route, call), options);
    } catch (error) {
      if (!isRead && mayBeDone(error)) throw lostChange(error as PlatformError, route, call.params?.app);
      throw withStartHint(error);
    }
  }

  async #sendOnce(route: Route, call: Call): Promise<Received> {
    const [method, template] = route.split(' ') as [string, string];
    const path = fillPath(template, call.params ?? {});
    const response = await this.#http.send({
      method,
      url: new URL(this.url.pathname.replace(/\/$/, '') + path, this.url),
      headers: {
        accept: mediaType,
        'user-agent': 'paas',
        ...(this.#token === undefined ? {} : { authorization: `Bearer ${this.#token}` }),
        ...(call.range === undefined ? {} : { range: call.range }),
        ...(call.body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(call.body === undefined ? {} : { body: JSON.stringify(call.body) }),
      timeoutMs: call.timeoutMs ?? answerTimeoutMs,
      signal: this.#signal,
      onNewConnection: isChanging(route),
    });
    this.#hasAnswered = true;
    const text = await readText(response);
    if ((response.statusCode ?? 500) >= 400) throw await apiError(response, text);
    const next = response.headers['next-range'];
    return { value: parseJson(text, this.url), nextRange: typeof next === 'string' ? next : undefined };
  }
}

interface Received {
  readonly value: unknown;
  readonly nextRange: string | undefined;
}

/** Rebuilds the error that the answer reports. The contract's error table is loaded only here, because loading takes time. */
export async function apiError(response: IncomingMessage, text: string): Promise<ApiError> {
  const { ErrorBody, platformErrorFrom } = await import('../api/contract/errors.ts');
  const status = response.statusCode ?? 500;
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    body = null;
  }
  const { code, message, hint } = platformErrorFrom(status, body);
  const header = response.headers['request-id'];
  const given = ErrorBody.safeParse(body).data;
  const requestId = given?.request_id ?? (typeof header === 'string' ? header : undefined);
  const advice = hint ?? (status === 401 ? 'Log in with: paas login' : undefined);
  const facts = { status, requestId, id: given?.id };
  return new ApiError(code, message, { ...facts, ...(advice === undefined ? {} : { hint: advice }) });
}

function parseJson(text: string, url: URL): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new PlatformError('unavailable', `The server at ${url.origin} is not the API of a platform.`, {
      hint: 'Give the right address with --api URL or PAAS_API.',
      cause,
    });
  }
}

function withStartHint(error: unknown): unknown {
  if (!(error instanceof UnansweredError) || error.code !== 'unavailable') return error;
  return new UnansweredError('unavailable', error.message, {
    sent: error.sent,
    hint: 'Is the platform running? Start it with npm start, or name another one with --api URL or PAAS_API.',
    cause: error.cause,
  });
}
