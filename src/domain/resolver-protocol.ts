import { z } from 'zod';
import { type RouteChange, type RouteTable, routeStates } from './route.ts';

/**
 * The protocol between orchestrator and resolver: HTTP with JSON over the resolver's unix socket. When the orchestrator
 * connects, the resolver reports its version (`connected`). It then gets the whole table once, and after that only changes.
 *
 * - `GET /table` answers TableFacts.
 * - `PUT /table` with a RouteTable: 200 and TableFacts, or 409 and TableFacts when its version is not newer.
 * - `POST /changes` with a RouteChange: 200 and TableFacts, or 409 and TableFacts when it is not a change of the version in
 *   use. After a 409 the client sends the whole table.
 * - `POST /drain` with DrainRequest: answers DrainLeft when no request is in flight any more, or at the deadline.
 * - `GET /stats` answers ResolverStats.
 * - `GET /memory` answers ResolverMemory.
 * - `GET /events` streams ResolverEvent as lines of JSON, `connected` first. With `?presence=1` it sends nothing else.
 */
export interface TableFacts {
  /** Differs after each start of the resolver. */
  readonly bootId: string;
  readonly version: number;
  readonly routes: number;
  readonly targets: number;
}

const drainRequest = z.object({
  instanceIds: z.array(z.string().max(100)).max(10_000),
  timeoutMs: z.number().min(0).max(3_600_000),
});
export type DrainRequest = z.infer<typeof drainRequest>;

export interface DrainLeft {
  readonly requests: number;
  readonly tunnels: number;
}

/** Of the resolver's process. */
export interface ResolverMemory {
  readonly residentBytes: number;
  /** What it should never have more than, whatever its clients and apps send. */
  readonly limitBytes: number;
}

export interface ResolverStats {
  readonly version: number;
  readonly held: number;
  readonly connections: number;
  /** Number of clients that receive request events: 0 while the orchestrator is away. */
  readonly listeners: number;
  readonly targets: readonly {
    readonly instanceId: string;
    readonly name: string;
    readonly requests: number;
    readonly tunnels: number;
    readonly draining: boolean;
    readonly quarantined: boolean;
  }[];
}

export type ResolverEvent =
  | { readonly type: 'connected'; readonly bootId: string; readonly version: number }
  | {
      readonly type: 'request_failed';
      readonly at: string;
      readonly appId: string;
      /** `H12` */
      readonly code: string;
      readonly instanceId: string | null;
      readonly release: number | null;
      readonly process: 'router';
      /** The line for the app's log, as Heroku's router writes it. */
      readonly text: string;
    }
  | {
      /** A request that the app answered. Not each of them is reported: see ServedRequests. */
      readonly type: 'request_served';
      readonly at: string;
      readonly appId: string;
      readonly release: number | null;
      readonly process: 'router';
      readonly text: string;
    };

const target = z.object({
  instanceId: z.string(),
  hostId: z.string(),
  name: z.string(),
  release: z.number().int(),
  address: z.string(),
  port: z.number().int().min(1).max(65_535),
  state: z.enum(['live', 'draining']),
});

const route = z.object({
  appId: z.string(),
  appName: z.string(),
  rules: z.array(z.object({ hostname: z.string(), path: z.string().startsWith('/') })),
  state: z.enum(routeStates),
  startsAtMs: z.number().optional(),
  targets: z.array(target),
  weights: z.array(z.object({ release: z.number().int(), weight: z.number().positive() })).optional(),
});

const version = z.number().int().min(1);

const routeTable = z.object({
  version,
  routes: z.array(route),
  reserved: z.array(z.object({ hostname: z.string(), address: z.string(), port: z.number().int().min(1).max(65_535) })),
});

const routeChange = z.object({ from: version, version, put: z.array(route), drop: z.array(z.string()) });

/** Parses a table from JSON. Null if the text has none. */
export function parseRouteTable(text: string): RouteTable | null {
  return parse(routeTable, text);
}

export function parseRouteChange(text: string): RouteChange | null {
  return parse(routeChange, text);
}

export function parseDrainRequest(text: string): DrainRequest | null {
  return parse(drainRequest, text);
}

function parse<T>(schema: z.ZodType<T>, text: string): T | null {
  try {
    return schema.parse(JSON.parse(text));
  } catch {
    return null;
  }
}
