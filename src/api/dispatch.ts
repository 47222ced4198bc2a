import { createHmac, randomBytes } from 'node:crypto';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { z } from 'zod';
import { authorise, demandScope } from '../domain/access.ts';
import type { Actor } from '../domain/actor.ts';
import type { App } from '../domain/app.ts';
import { PlatformError } from '../domain/errors.ts';
import { contract, type Endpoint, mediaType } from './contract.ts';
import type { Entrance } from './entrance.ts';
import { wrongValue } from './error-body.ts';
import { isForeignOrigin, originOf } from './origin.ts';
import { page, parseRange } from './range.ts';
import type { RateLimit } from './rate-limit.ts';
import type { RouteDeps } from './route-deps.ts';
import type { ApiRequest, Routes } from './route-types.ts';

export interface DispatchDeps {
  readonly routeDeps: RouteDeps;
  readonly entrance: Entrance;
  readonly rateLimit: RateLimit;
  /** The port that the API listens on. */
  readonly port: () => number;
}

/** The rows of the contract have different types. From here on all are called the same way. */
type AnyRoute = (call: AnyRequest, response: unknown) => Promise<unknown>;
type AnyRequest = { readonly [K in keyof ApiRequest<Endpoint>]: unknown };

/** Registers every row of the contract, and HEAD for each GET. There are no other routes. */
export function registerRoutes(server: FastifyInstance, routes: Routes, deps: DispatchDeps): void {
  for (const [operationId, endpoint] of Object.entries(contract) as [keyof Routes, Endpoint][]) {
    const route = routes[operationId] as unknown as AnyRoute;
    server.route({
      method: endpoint.method,
      url: endpoint.path.replace(/\{(\w+)\}/g, ':$1'),
      // HEAD checks whether something exists. It makes no sense for a stream, which may never end.
      exposeHeadRoute: endpoint.method === 'GET' && !endpoint.stream,
      // Fastify reads the body between the two.
      onRequest: async (request, reply) => {
        admitted.set(request, await admit(endpoint, { request, reply, deps }));
      },
      handler: (request, reply) => answer(endpoint, route, { request, reply, deps }),
    });
  }
}

interface Exchange {
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
  readonly deps: DispatchDeps;
}

/** Who asks, and for which app of theirs. */
interface Admitted {
  readonly actor: Actor | null;
  readonly app: App | null;
  readonly params: Readonly<Record<string, unknown>>;
}

const admitted = new WeakMap<FastifyRequest, Admitted>();

/**
 * The order matters: first who asks and whether their token may, then whether the app is theirs, and only then the body
 * and the other values.
 */
async function admit(endpoint: Endpoint, exchange: Exchange): Promise<Admitted> {
  const { request, deps } = exchange;
  if (endpoint.method !== 'GET' && isForeignOrigin(request.raw)) {
    throw new PlatformError('forbidden', 'A page of another origin may not change anything in this API.');
  }
  if (endpoint.auth === 'none') deps.entrance.admitStranger(request.raw);
  const actor = endpoint.auth === 'token' ? await identify(exchange) : null;
  checkVersion(request.headers.accept);
  if (actor) demandScope(actor, endpoint.scope ?? (endpoint.method === 'GET' ? 'read' : 'global'));
  const params = check(endpoint.params, request.params, 'path');
  const app =
    actor && endpoint.path.startsWith('/apps/{app}')
      ? await authorise(deps.routeDeps.store, actor, String(params.app))
      : null;
  return { actor, app, params };
}

async function answer(endpoint: Endpoint, route: AnyRoute, exchange: Exchange): Promise<unknown> {
  const { request, reply, deps } = exchange;
  const who = admitted.get(request);
  if (!who) throw new PlatformError('internal', 'A request was not admitted.');
  const gone = new AbortController();
  reply.raw.once('close', () => gone.abort(new PlatformError('cancelled', 'The client went away.')));
  const lastEventId = request.headers['last-event-id'];
  const range = endpoint.range ? parseRange(request.headers.range, endpoint.range) : null;
  const call: AnyRequest = {
    ...who,
    page: range,
    query: check(endpoint.query, request.query, 'query'),
    body: endpoint.body ? check(endpoint.body, request.body ?? undefined, 'body') : null,
    origin: originOf(request.raw, deps.routeDeps.settings, deps.port()),
    lastEventId: typeof lastEventId === 'string' ? lastEventId : null,
    admit: (accountId: string) => deps.entrance.admit(request.raw, reply.raw, { accountId, needs: 'connection' }),
    signal: AbortSignal.any([gone.signal, deps.routeDeps.closing]),
  };
  if (endpoint.stream) return stream(route, call, exchange);
  const result = endpoint.response.parse(await route(call, reply));
  if (reply.statusCode === 200) reply.code(endpoint.status);
  if (!range || !endpoint.range) return send(exchange, result);
  const shown = page(result as readonly Record<string, unknown>[], range);
  reply.header('Accept-Ranges', endpoint.range.join(', '));
  if (shown.contentRange) reply.header('Content-Range', shown.contentRange);
  if (shown.nextRange) reply.code(206).header('Next-Range', shown.nextRange);
  return send(exchange, shown.rows);
}

/** The route owns the response. An error before its first byte goes to Fastify. */
async function stream(route: AnyRoute, call: AnyRequest, { request, reply, deps }: Exchange): Promise<unknown> {
  const response = reply.raw;
  try {
    await route(call, response);
  } catch (error) {
    if (!response.headersSent) throw error;
    deps.routeDeps.logger.warn('A stream broke off.', { requestId: request.id, error });
    response.destroy();
  }
  return reply.hijack();
}

async function identify({ request, reply, deps }: Exchange): Promise<Actor> {
  const actor = await deps.entrance.identify(request.raw, reply.raw, 'body');
  if (!actor) {
    reply.header('WWW-Authenticate', 'Bearer realm="paas"');
    throw new PlatformError('unauthorized', 'Invalid credentials provided.', { hint: 'Sign in: paas login' });
  }
  reply.header('RateLimit-Remaining', 0);
  reply.header('RateLimit-Remaining', deps.rateLimit.take(actor.accountId));
  return { ...actor, requestId: request.id };
}

/** Accepts any media type as version 3, but throws when the header names another version. */
function checkVersion(accept: string | undefined): void {
  const asked = /application\/vnd\.heroku\+json\s*;\s*version=(\d+)/i.exec(accept ?? '')?.[1];
  if (asked !== undefined && asked !== '3') {
    throw new PlatformError('invalid_params', `This API speaks version 3, not ${asked.slice(0, 8)}.`, {
      hint: `Send the header Accept: ${mediaType}`,
    });
  }
}

function check<S extends z.ZodType>(schema: S, value: unknown, where: string): z.output<S> {
  const parsed = schema.safeParse(value);
  if (!parsed.success) throw wrongValue(parsed.error, where);
  return parsed.data;
}

/** With a secret key nobody can test guesses of a secret answer against its tag. */
const tagKey = randomBytes(32);

function send({ request, reply }: Exchange, result: unknown): FastifyReply {
  const body = JSON.stringify(result);
  reply.header('Cache-Control', 'private, no-cache').header('Content-Type', 'application/json; charset=utf-8');
  if ((request.method === 'GET' || request.method === 'HEAD') && reply.statusCode < 300) {
    const tag = `"${createHmac('sha256', tagKey).update(body).digest('base64url').slice(0, 27)}"`;
    reply.header('ETag', tag);
    const known = (request.headers['if-none-match'] ?? '').split(',').map((entry) => entry.trim().replace(/^W\//, ''));
    if (known.includes(tag)) return reply.code(304).send();
  }
  return reply.send(body);
}
