import { cookieDomain, reaches } from './cookie-domain.ts';
import type { LiveRoutes } from './live-routes.ts';
import type { RequestEvents, RoutedRequest } from './request-events.ts';
import type { RequestHead } from './request-head.ts';

export interface CookieGuardDeps {
  /** The platform's domain, under which all apps have a hostname. */
  readonly domain: string;
  readonly routes: Pick<LiveRoutes, 'find'>;
  readonly requestEvents: Pick<RequestEvents, 'noticed'>;
}

const lineEveryMs = 60_000;

/**
 * Keeps an app from setting cookies for the platform's domain, or for one above it: they would be sent to every other app
 * and would replace cookies of theirs. An app's own hostnames are its own, whatever lies below them.
 */
export class CookieGuard {
  readonly #deps: CookieGuardDeps;
  /** When each app had a line last. */
  readonly #toldAtMs = new Map<string, number>();

  constructor(deps: CookieGuardDeps) {
    this.#deps = deps;
  }

  /** The fields without the cookies that are for others too. Names and values alternate. */
  pass(fields: readonly string[], head: RequestHead, routed: RoutedRequest): readonly string[] {
    const { appId } = routed.destination;
    if (appId === null || !hasCookies(fields)) return fields;
    const passed: string[] = [];
    for (let at = 0; at < fields.length; at += 2) {
      const name = fields[at] ?? '';
      const value = fields[at + 1] ?? '';
      const domain = isSetCookie(name) ? cookieDomain(value) : null;
      if (domain === null || !this.#isForOthers(domain, appId)) passed.push(name, value);
      else this.#tell(`${cookieName(value)} domain=${JSON.stringify(domain)}`, head, routed);
    }
    return passed;
  }

  #isForOthers(domain: string, appId: string): boolean {
    if (!reaches(domain, this.#deps.domain)) return false;
    return this.#deps.routes.find(domain, '/')?.appId !== appId;
  }

  #tell(what: string, { authority, requestId }: RequestHead, routed: RoutedRequest): void {
    const appId = routed.destination.appId ?? '';
    const nowMs = performance.now();
    const toldAtMs = this.#toldAtMs.get(appId);
    if (toldAtMs !== undefined && nowMs - toldAtMs < lineEveryMs) return;
    for (const [id, atMs] of this.#toldAtMs) if (nowMs - atMs >= lineEveryMs) this.#toldAtMs.delete(id);
    this.#toldAtMs.set(appId, nowMs);
    const desc = 'Set-Cookie dropped, because its domain is shared with other apps';
    const text = `at=warning desc="${desc}" cookie=${what} host=${authority} request_id=${requestId}`;
    this.#deps.requestEvents.noticed(routed, text);
  }
}

function hasCookies(fields: readonly string[]): boolean {
  for (let at = 0; at < fields.length; at += 2) if (isSetCookie(fields[at] ?? '')) return true;
  return false;
}

function isSetCookie(name: string): boolean {
  return name.length === 10 && name.toLowerCase() === 'set-cookie';
}

function cookieName(value: string): string {
  return JSON.stringify((/^[^=;]*/.exec(value)?.[0] ?? '').trim().slice(0, 40));
}
