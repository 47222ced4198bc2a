import { type Actor, type TokenScope, tokenScopes } from './actor.ts';
import type { App } from './app.ts';
import { PlatformError } from './errors.ts';
import type { StoreTables } from './store.ts';

/** The one rule of who may do anything with an app. For now: its owner, everything; anybody else, nothing. `Listings.apps` lists by the same rule. */
export function mayUse(actor: Actor, app: App): boolean {
  return app.ownerId === actor.accountId;
}

/** Whether the actor's token may do what needs this scope. Without a token the platform itself acts. */
export function hasScope({ scope }: Actor, needed: TokenScope): boolean {
  return scope === undefined || tokenScopes.indexOf(scope) >= tokenScopes.indexOf(needed);
}

/** Throws `forbidden`, with the command that makes a token that may. */
export function demandScope(actor: Actor, needed: TokenScope): void {
  if (hasScope(actor, needed)) return;
  throw new PlatformError('forbidden', `This needs a token of the scope ${needed}, and yours has ${actor.scope}.`, {
    hint: `Make one where you are logged in with all rights: paas tokens:create --scope ${needed}`,
  });
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
