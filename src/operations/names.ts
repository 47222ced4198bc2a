import { isAdministrator } from '../domain/access.ts';
import type { Actor } from '../domain/actor.ts';
import { parseAppName } from '../domain/app.ts';
import { PlatformError } from '../domain/errors.ts';
import { eventOf } from '../domain/event.ts';
import { baseOf, looksLikeDomain, wildcardsOver } from '../domain/hostname-relation.ts';
import { keptUntil, type PromisedName } from '../domain/names.ts';
import { parseHostname } from '../domain/route.ts';
import type { Store, StoreTables } from '../domain/store.ts';
import type { Clock } from '../system/clock.ts';
import { isPublicSuffix } from './public-suffix.ts';
import type { ByActor } from './releases.ts';

/** Kept for one account at a time, so that nobody can hoard names. */
const maxKept = 2_000;

/** The collaborators of the verbs that take names or give them up. */
export interface NamesDeps {
  readonly store: Store;
  readonly clock: Clock;
  /** The platform's own domain. Hostnames below it come from app names only. */
  readonly platformDomain: string;
  /** How long a name that was given up stays with its owner. */
  readonly nameKeepMs: number;
}

/**
 * Throws unless the actor may take this name for an app. The name is not kept for them any more. To be called in the
 * transaction that takes it.
 */
export async function takeAppName(
  tables: StoreTables,
  name: string,
  { actor, deps }: ByActor<NamesDeps>,
): Promise<void> {
  const isAllowed = await allowed(tables, [name], actor);
  parseAppName(name, isAllowed);
  await takeKept(tables, name, { actor, deps, isAllowed });
}

/** The same for a hostname that `parseHostname` has returned. */
export async function takeHostname(
  tables: StoreTables,
  hostname: string,
  { actor, deps }: ByActor<NamesDeps>,
): Promise<void> {
  const isAllowed = await allowed(tables, [hostname, ...wildcardsOver(hostname)], actor);
  if (!isAllowed) await refuseUnproved(tables, hostname, { actor, deps });
  await takeKept(tables, hostname, { actor, deps, isAllowed });
}

/** Keeps names for the account that has just given them up, and forgets those whose time is over. */
export async function giveUp(
  tables: StoreTables,
  names: readonly string[],
  { accountId, deps }: { readonly accountId: string; readonly deps: NamesDeps },
): Promise<void> {
  const { clock, nameKeepMs } = deps;
  if (nameKeepMs > 0) for (const name of names) await tables.names.put({ name, state: 'kept', accountId });
  await tables.names.prune(new Date(clock.now().getTime() - nameKeepMs), { accountId, keep: maxKept });
}

/** Lets the account, by its e-mail address or id, take the name. Null: the actor's own. */
export async function allowName(
  input: string,
  account: string | null,
  { actor, deps: { store } }: ByActor<{ readonly store: Store }>,
): Promise<PromisedName> {
  const name = parseName(input);
  return store.transaction(async (tables) => {
    await demandAdministrator(tables, actor);
    const accounts = await tables.accounts.list();
    const wanted = account?.toLowerCase() ?? actor.accountId;
    const owner = accounts.find(({ id, email }) => id === wanted || email === wanted);
    if (!owner) {
      throw new PlatformError('not_found', `No account ${JSON.stringify(wanted.slice(0, 64))}.`, {
        hint: 'Name it by its e-mail address.',
      });
    }
    const promised = await tables.names.put({ name, state: 'allowed', accountId: owner.id });
    await tables.events.append(eventOf('name.allowed', actor, { appId: null, data: { name, email: owner.email } }));
    return promised;
  });
}

/** Withdraws what was allowed, or frees what is kept. */
export async function forgetName(
  input: string,
  state: PromisedName['state'],
  { actor, deps: { store } }: ByActor<{ readonly store: Store }>,
): Promise<PromisedName> {
  return store.transaction(async (tables) => {
    await demandAdministrator(tables, actor);
    const promised = await tables.names.find(input.toLowerCase(), state);
    if (!promised) {
      throw new PlatformError('not_found', `No name ${JSON.stringify(input.slice(0, 64))} is ${state}.`, {
        hint: 'See them: paas names',
      });
    }
    const { name, accountId } = promised;
    await tables.names.remove(name, state);
    const email = (await tables.accounts.find(accountId))?.email ?? accountId;
    const kind = state === 'kept' ? 'name.released' : 'name.disallowed';
    await tables.events.append(eventOf(kind, actor, { appId: null, data: { name, email } }));
    return promised;
  });
}

async function allowed(tables: StoreTables, names: readonly string[], actor: Actor): Promise<boolean> {
  for (const name of names) {
    const promised = await tables.names.find(name, 'allowed');
    if (promised?.accountId === actor.accountId) return true;
  }
  return false;
}

async function takeKept(
  { names }: StoreTables,
  name: string,
  { actor, deps, isAllowed }: ByActor<NamesDeps> & { readonly isAllowed: boolean },
): Promise<void> {
  const kept = await names.find(name, 'kept');
  if (!kept) return;
  if (kept.accountId !== actor.accountId && !isAllowed && isKept(kept, deps)) {
    const day = keptUntil(kept, deps.nameKeepMs).toISOString().slice(0, 10);
    throw new PlatformError('conflict', `${name} was given up recently, and is kept for its last owner until ${day}.`, {
      hint: `Choose another name, or ask an administrator of the platform for: paas names:release ${name}`,
    });
  }
  await names.remove(name, 'kept');
}

/** Throws for a hostname that may be somebody else's, which only its owner could prove. */
async function refuseUnproved(
  tables: StoreTables,
  hostname: string,
  { actor, deps }: ByActor<NamesDeps>,
): Promise<void> {
  const hint = `Ask an administrator of the platform for: paas names:allow '${hostname}' --account ${actor.email}`;
  if (looksLikeDomain(hostname, deps.platformDomain)) {
    throw new PlatformError(
      'invalid_params',
      `${hostname} looks like the platform's own domain ${deps.platformDomain}.`,
      {
        hint,
      },
    );
  }
  if (await isPublicSuffix(baseOf(hostname))) {
    throw new PlatformError(
      'invalid_params',
      `${baseOf(hostname)} is a public suffix: names below it have many owners.`,
      {
        hint,
      },
    );
  }
  const others = (await tables.domains.related(hostname)).filter(({ ownerId }) => ownerId !== actor.accountId);
  const keptForOthers = (await tables.names.related(hostname)).filter(
    (kept) => kept.accountId !== actor.accountId && isKept(kept, deps),
  );
  const met = others[0]?.hostname ?? keptForOthers[0]?.name;
  if (met === undefined) return;
  const covered = met.startsWith('*.') ? `is below ${met}` : `covers ${met}`;
  throw new PlatformError('conflict', `${hostname} ${covered}, which another account has or had until recently.`, {
    hint,
  });
}

function isKept(kept: PromisedName, { clock, nameKeepMs }: NamesDeps): boolean {
  return keptUntil(kept, nameKeepMs) > clock.now();
}

async function demandAdministrator(tables: StoreTables, actor: Actor): Promise<void> {
  if (await isAdministrator(tables, actor)) return;
  throw new PlatformError('forbidden', 'Only the administrator of the platform decides about names.', {
    hint: 'That is the account that the platform was set up with.',
  });
}

/** An app's name or a hostname. Throws `invalid_params` for what nobody can ever have. */
function parseName(input: string): string {
  return input.includes('.') ? parseHostname(input) : parseAppName(input.toLowerCase(), true);
}
