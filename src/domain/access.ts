import { type Actor, type TokenScope, tokenScopes } from './actor.ts';
import type { App } from './app.ts';
import { PlatformError } from './errors.ts';
import type { StoreTables } from './store.ts';

/** The only rule about who may use an app: its owner may do everything, others nothing. `Listings.apps` applies the same rule. */
export function mayUse(actor: Actor, app: App): boolean {
  return app.ownerId === actor.accountId;
}

/** Whether the actor's token has at least this scope. Without a token the platform itself acts, and it may do everything. */
export function hasScope({ scope }: Actor, needed: TokenScope): boolean {
  return scope === undefined || tokenScopes.indexOf(scope) >= tokenScopes.indexOf(needed);
}

/** Throws `forbidden` unless the actor has this scope. The hint is the command that makes a token with it. */
export function demandScope(actor: Actor, needed: TokenScope): void {
  if (hasScope(actor, needed)) return;
  throw new PlatformError('forbidden', `This needs a token of the scope ${needed}, and yours has ${actor.scope}.`, {
    hint: `Make one where you are logged in with all rights: paas tokens:create --scope ${needed}`,
  });
}

/** Until accounts have roles, the account that the platform was set up with is its administrator. */
export async function isAdministrator(store: Pick<StoreTables, 'accounts'>, actor: Actor): Promise<boolean> {
  const [first] = await store.accounts.list();
  return first?.id === actor.accountId;
}

/**
 * Finds the app by name or id, if this actor may use it. Every door calls this before it touches an app. Throws the same
 * `not_found` for another owner's app as for a missing one, because the error must not show which names are taken.
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
