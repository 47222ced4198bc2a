import type { App } from '../../domain/app.ts';
import { PlatformError } from '../../domain/errors.ts';
import { asciiHostname, type Domain, parseHostname } from '../../domain/route.ts';
import { appHostname } from '../../domain/urls.ts';
import type { ApiSettings } from '../api-settings.ts';
import type { Answer, Routes } from '../call.ts';
import type { ApiContext } from '../context.ts';
import type { Contract } from '../contract.ts';
import { derivedId } from '../derived-id.ts';

type DomainRoutes = Pick<Routes, 'listDomains' | 'infoDomain' | 'createDomain' | 'deleteDomain'>;
type DomainJson = Answer<Contract['infoDomain']>;

export function domainRoutes({ store, operations, settings }: ApiContext): DomainRoutes {
  const listAll = async (app: App): Promise<readonly DomainJson[]> => {
    const custom = await store.domains.list(app.id);
    return [ownDomain(app, settings), ...custom.map((domain) => serializeDomain(domain, app, settings))];
  };
  const findOne = async (app: App, wanted: string): Promise<DomainJson> => {
    const name = asciiHostname(wanted);
    const found = (await listAll(app)).find(({ id, hostname }) => id === wanted || hostname === name);
    if (found) return found;
    throw new PlatformError('not_found', `${app.name} has no domain ${JSON.stringify(wanted.slice(0, 253))}.`, {
      hint: `See its domains: paas domains -a ${app.name}`,
    });
  };
  return {
    listDomains: async ({ app }) => [...(await listAll(app))],
    infoDomain: ({ app, params }) => findOne(app, params.domain),
    async createDomain({ app, actor, body }) {
      const domain = await operations.addDomain(app, parseHostname(body.hostname), actor);
      return serializeDomain(domain, app, settings);
    },
    async deleteDomain({ app, actor, params }) {
      const found = await findOne(app, params.domain);
      if (found.kind === 'heroku') {
        throw new PlatformError('invalid_params', `${found.hostname} follows the app's name and cannot be removed.`, {
          hint: `Rename the app: paas rename NAME -a ${app.name}`,
        });
      }
      await operations.removeDomain(app, found.hostname, actor);
      return found;
    },
  };
}

function serializeDomain(domain: Domain, app: App, settings: ApiSettings): DomainJson {
  const createdAt = domain.createdAt.toISOString();
  return {
    id: domain.id,
    hostname: domain.hostname,
    kind: 'custom',
    cname: appHostname(settings, app.name),
    status: 'succeeded',
    acm_status: null,
    acm_status_reason: null,
    sni_endpoint: null,
    app: { id: app.id, name: app.name },
    created_at: createdAt,
    updated_at: createdAt,
  };
}

function ownDomain(app: App, settings: ApiSettings): DomainJson {
  const createdAt = app.createdAt.toISOString();
  return {
    id: derivedId('domain', app.id),
    hostname: appHostname(settings, app.name),
    kind: 'heroku',
    cname: null,
    status: 'none',
    acm_status: null,
    acm_status_reason: null,
    sni_endpoint: null,
    app: { id: app.id, name: app.name },
    created_at: createdAt,
    updated_at: createdAt,
  };
}
