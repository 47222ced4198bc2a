import type { App } from '../domain/app.ts';
import { PlatformError } from '../domain/errors.ts';
import { eventOf } from '../domain/event.ts';
import { type Domain, isReservedHostname, parseHostname } from '../domain/route.ts';
import { giveUp, type NamesDeps, takeHostname } from './names.ts';
import type { ByActor } from './releases.ts';

const maxDomains = 1000;

export async function addDomain(app: App, input: string, { actor, deps }: ByActor<NamesDeps>): Promise<Domain> {
  const { store, platformDomain } = deps;
  const hostname = parseHostname(input);
  if (isReservedHostname(hostname, platformDomain)) {
    throw new PlatformError('invalid_params', `${hostname} belongs to the platform's own domain ${platformDomain}.`, {
      hint: `Hostnames there follow the app's name: paas rename NAME -a ${app.name}`,
    });
  }
  return store.transaction(async (tables) => {
    if ((await tables.domains.list(app.id)).length >= maxDomains) {
      throw new PlatformError('too_large', `${app.name} has ${maxDomains} domains, and that is the limit.`);
    }
    await takeHostname(tables, hostname, { actor, deps });
    const domain = await tables.domains.create({ appId: app.id, hostname });
    await tables.events.append(eventOf('domain.added', actor, { appId: app.id, data: { hostname } }));
    return domain;
  });
}

export async function removeDomain(app: App, input: string, { actor, deps }: ByActor<NamesDeps>): Promise<Domain> {
  const hostname = parseHostname(input);
  return deps.store.transaction(async (tables) => {
    const domain = (await tables.domains.list(app.id)).find((candidate) => candidate.hostname === hostname);
    if (!domain) {
      throw new PlatformError('not_found', `${app.name} has no domain ${hostname}.`, {
        hint: `See: paas domains -a ${app.name}`,
      });
    }
    await tables.domains.remove(app.id, hostname);
    await giveUp(tables, [hostname], { accountId: app.ownerId, deps });
    await tables.events.append(eventOf('domain.removed', actor, { appId: app.id, data: { hostname } }));
    return domain;
  });
}
