import type { Actor } from './actor.ts';
import type { App } from './app.ts';
import { PlatformError } from './errors.ts';
import type { StoreTables } from './store.ts';

/** The one rule of who may do anything with an app. For now: its owner, everything; anybody else, nothing. */
export function mayUse(actor: Actor, app: App): boolean {
  return app.ownerId === actor.accountId;
}

/**
 * The app by name or id, for this actor. Every door asks here before it touches an app. Throws `not_found`, word for
 * word the same for somebody else's app as for none: whether a name is taken is nobody's business.
 */
export async function authorise(store: Pick<StoreTables, 'apps'>, actor: Actor, nameOrId: string): Promise<App> {
  const byName = await store.apps.findByName(nameOrId);
  const app = byName ?? (idPattern.test(nameOrId) ? await store.apps.find(nameOrId.toLowerCase()) : null);
  if (app && mayUse(actor, app)) return app;
  throw new PlatformError('not_found', `No app named ${printable(nameOrId)}.`, { hint: 'See your apps: paas apps' });
}

const idPattern = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

function printable(text: string): string {
  return /^[\w.-]{1,64}$/.test(text) ? text : JSON.stringify(text.slice(0, 64));
}
