import type { ServerResponse } from 'node:http';
import type { z } from 'zod';
import type { Actor } from '../domain/actor.ts';
import type { App } from '../domain/app.ts';
import type { Page } from '../domain/listing.ts';
import type { Contract, Endpoint, OperationId } from './contract.ts';

/** One request whose token, app and values have been checked. */
export interface ApiRequest<E extends Endpoint> {
  /** Null where the route needs no token. */
  readonly actor: E['auth'] extends 'none' ? null : Actor;
  /** The app in the path, which the actor may use. Null where the path names none. */
  readonly app: E['path'] extends `/apps/{app}${string}` ? App : null;
  readonly params: z.output<E['params']>;
  readonly query: z.output<E['query']>;
  /** The page of a list; null where there is no list to page. */
  readonly page: E extends { readonly range: readonly (infer Property extends string)[] } ? Page<Property> : null;
  readonly body: E['body'] extends z.ZodType ? z.output<E['body']> : null;
  /** Scheme, host and port by which the client reached this API. Links in the answer begin with it. */
  readonly origin: string;
  readonly lastEventId: string | null;
  /**
   * Counts the request as the account's. For a route without a token, once its address has shown whose it is. Throws
   * `rate_limited`.
   */
  readonly admit: (accountId: string) => void;
  /** Aborts when the client goes away or the API closes. */
  readonly signal: AbortSignal;
}

export type Answer<E extends Endpoint> = z.input<E['response']>;

/**
 * Of a list, returns at least the page and the row after it; the dispatcher cuts. `reply` sets a status other than the
 * contract's.
 */
export type Respond<E extends Endpoint> = (call: ApiRequest<E>, reply: StatusReply) => Promise<Answer<E>>;

export interface StatusReply {
  code(status: number): unknown;
}

/** Writes the answer itself. An error before the first byte becomes an error answer. */
export type Stream<E extends Endpoint> = (call: ApiRequest<E>, response: ServerResponse) => Promise<void>;

/** A function for every row of the contract. A missing one does not compile. */
export type Routes = {
  readonly [K in OperationId]: Contract[K] extends { readonly stream: NonNullable<Endpoint['stream']> }
    ? Stream<Contract[K]>
    : Respond<Contract[K]>;
};
