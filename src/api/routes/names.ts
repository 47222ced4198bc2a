import { isAdministrator } from '../../domain/access.ts';
import { keptUntil, type PromisedName } from '../../domain/names.ts';
import type { Contract } from '../contract.ts';
import { person } from '../person.ts';
import type { RouteDeps } from '../route-deps.ts';
import type { Answer, Routes } from '../route-types.ts';

type NameRoutes = Pick<Routes, 'listNames' | 'allowName' | 'disallowName' | 'releaseName'>;

export function nameRoutes({ store, operations, settings, clock }: RouteDeps): NameRoutes {
  const untilOf = (promised: PromisedName) =>
    promised.state === 'kept' ? keptUntil(promised, settings.nameKeepMs) : null;
  const serialize = (promised: PromisedName, email: string | null): Answer<Contract['releaseName']> => ({
    name: promised.name,
    state: promised.state,
    account: person(promised.accountId, email),
    until: untilOf(promised)?.toISOString() ?? null,
    created_at: promised.createdAt.toISOString(),
  });
  const show = async (promised: PromisedName) =>
    serialize(promised, (await store.accounts.find(promised.accountId))?.email ?? null);
  return {
    async listNames({ actor }) {
      const isAll = await isAdministrator(store, actor);
      const emails = new Map((await store.accounts.list()).map(({ id, email }) => [id, email]));
      const names = await store.names.list(isAll ? undefined : actor.accountId);
      const now = clock.now();
      const current = names.filter((promised) => (untilOf(promised) ?? now) >= now);
      return current.map((promised) => serialize(promised, emails.get(promised.accountId) ?? null));
    },
    allowName: async ({ actor, body }) => show(await operations.allowName(body.name, body.account ?? null, actor)),
    disallowName: async ({ actor, params }) => show(await operations.disallowName(params.name, actor)),
    releaseName: async ({ actor, params }) => show(await operations.releaseName(params.name, actor)),
  };
}
