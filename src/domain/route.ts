import { PlatformError } from './errors.ts';

/** A hostname that a user added to an app. `<app>.<platform domain>` needs no row. */
export interface Domain {
  readonly id: string;
  readonly appId: string;
  readonly hostname: string;
  readonly createdAt: Date;
}

/**
 * The route table of a resolver, with a version. The orchestrator computes it from apps, domains and instances. It sends the
 * whole table when it connects, and changes after that. The resolver keeps a snapshot and never asks back.
 */
export interface RouteTable {
  /** `routeVersion`: grows with every change. The resolver ignores a table that is not newer than the one in use. */
  readonly version: number;
  readonly routes: readonly Route[];
  /** Reserved hostnames (`api.<domain>`, `git.<domain>`, …) to the orchestrator's own address. */
  readonly reserved: readonly ReservedRoute[];
}

/** Changes of some routes. Applies only to the table of version `from`, and gives the table of `version`. */
export interface RouteChange {
  readonly from: number;
  readonly version: number;
  /** New and changed routes of apps. */
  readonly put: readonly Route[];
  /** Ids of apps that no longer have a route. */
  readonly drop: readonly string[];
}

const versionsPerTerm = 2 ** 32;

/** The `n`th version under a leader of this term (RouteTable.version). Exact for terms below 2^21. */
export function routeVersion(term: number, n: number): number {
  return term * versionsPerTerm + n;
}

/** The leader's term in which a version was made. */
export function termOfVersion(version: number): number {
  return Math.floor(version / versionsPerTerm);
}

export interface Route {
  readonly appId: string;
  readonly appName: string;
  readonly rules: readonly RouteRule[];
  readonly state: RouteState;
  /** When an instance of a crashed app is started again, in milliseconds since 1970 UTC. Absent in other states. */
  readonly startsAtMs?: number | undefined;
  readonly targets: readonly Target[];
  /** How requests are split between releases. Absent while one release gets all. */
  readonly weights?: readonly ReleaseWeight[] | undefined;
}

/** A release, by its version, and its share of an app's requests. */
export interface ReleaseWeight {
  readonly release: number;
  readonly weight: number;
}

/** The URLs of an app: those of the hostname whose path begins with the segments of `path`. */
export interface RouteRule {
  /** A hostname, or `*.` and a parent domain, where the star stands for exactly one label. */
  readonly hostname: string;
  /** `/` for all paths; else for example `/docs` or `/docs/v2`, without a slash at the end. */
  readonly path: string;
}

export interface ReservedRoute {
  readonly hostname: string;
  readonly address: string;
  readonly port: number;
}

/**
 * `live`: has or expects targets. `starting`: deployed, and its instances are starting. `crashed`: its web instances
 * crash (H10). `none`: nothing to run (H14). `blank`: never deployed (H81). `maintenance`: H80.
 */
export const routeStates = ['live', 'starting', 'crashed', 'none', 'blank', 'maintenance'] as const;
export type RouteState = (typeof routeStates)[number];

/** One instance as the resolver sees it. */
export interface Target {
  readonly instanceId: string;
  /** The host that it runs on. */
  readonly hostId: string;
  /** `web.1`, for the log line and the error page. */
  readonly name: string;
  readonly release: number;
  readonly address: string;
  readonly port: number;
  /** `draining`: finishes its requests and gets no new ones. */
  readonly state: 'live' | 'draining';
}

const labelPattern = /^(?!-)[a-z0-9-]{1,63}(?<!-)$/;

/** Returns the hostname in lower case and in DNS form, without a trailing dot. Throws `invalid_params` if it is not a hostname. */
export function parseHostname(input: string): string {
  const hostname = asciiHostname(input).replace(/\.$/, '');
  const labels = hostname.split('.');
  const wildcard = labels[0] === '*';
  const rest = wildcard ? labels.slice(1) : labels;
  const valid =
    hostname.length <= 253 &&
    rest.length >= (wildcard ? 1 : 2) &&
    rest.every((label) => labelPattern.test(label)) &&
    !/^[\d.]+$/.test(hostname);
  if (!valid) {
    throw new PlatformError('invalid_params', `${JSON.stringify(input.slice(0, 80))} is not a hostname.`, {
      hint: 'For example: paas domains:add www.example.com',
    });
  }
  return hostname;
}

/** In lower case and in DNS form: `bücher.example` becomes `xn--bcher-kva.example` (RFC 5891). Other text stays as it is. */
export function asciiHostname(input: string): string {
  const name = input.toLowerCase();
  const isPlain = /^[\x20-\x7e]*$/.test(name);
  if (isPlain || name.length > 253 || /[\s/\\?#@:%[\]]/.test(name)) return name;
  return URL.parse(`http://${name}/`)?.hostname ?? name;
}

/** True for the platform's domain, every hostname below it, and a wildcard that would match it. No app can have these. */
export function isReservedHostname(hostname: string, platformDomain: string): boolean {
  const [, ...parent] = platformDomain.split('.');
  return hostname === platformDomain || hostname.endsWith(`.${platformDomain}`) || hostname === `*.${parent.join('.')}`;
}
