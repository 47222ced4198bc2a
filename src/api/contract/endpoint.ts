import { z } from 'zod';
import type { TokenScope } from '../../domain/actor.ts';

/** One row of the contract, for the server, the client and the OpenAPI document. */
export interface Endpoint {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  /** `/apps/{app}/releases`: a name in braces is a member of `params`. */
  readonly path: string;
  readonly summary: string;
  readonly tag: string;
  /** `none`: open, or the URL itself is the secret. */
  readonly auth: 'token' | 'none';
  /** The scope that the token needs. Default: `read` for GET, `global` for other methods. */
  readonly scope?: TokenScope;
  readonly params: z.ZodObject;
  readonly query: z.ZodObject;
  /** Null: the route reads no body. */
  readonly body: z.ZodType | null;
  readonly response: z.ZodType;
  readonly status: 200 | 201 | 202;
  /** The properties that a list can be paged by with `Range`; the first is the default. */
  readonly range?: readonly [string, ...string[]];
  /** The form of a body that is not one JSON document. */
  readonly stream?: 'events' | 'text' | 'websocket';
}

type Defaults = {
  readonly auth: 'token';
  readonly params: typeof nothing;
  readonly query: typeof nothing;
  readonly body: null;
  readonly status: 200;
};

type Row = Partial<Endpoint> & Pick<Endpoint, 'method' | 'path' | 'summary' | 'tag' | 'response'>;

const nothing = z.object({});

/** A row with defaults: a token, no parameters, no body, status 200. */
export function endpoint<const R extends Row>(row: R): Omit<Defaults, keyof R> & R {
  return { auth: 'token', params: nothing, query: nothing, body: null, status: 200, ...row };
}

export type ParamsOf<E extends Endpoint> = z.input<E['params']>;
export type QueryOf<E extends Endpoint> = z.input<E['query']>;
export type BodyOf<E extends Endpoint> = E['body'] extends z.ZodType ? z.input<E['body']> : undefined;
export type AnswerOf<E extends Endpoint> = z.output<E['response']>;

/** RFC 3339, UTC. */
export const time = z.iso.datetime();
export const id = z.uuid();
export const appRef = z.object({ id, name: z.string() });
export const userRef = z.object({ id, email: z.string() });
/** An app's name or id in a path. */
export const appParam = z.object({ app: z.string().min(1).describe('Name or id of the app') });
export const empty = z.object({});
