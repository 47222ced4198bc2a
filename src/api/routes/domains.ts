import type { App } from '../../domain/app.ts';
import { PlatformError } from '../../domain/errors.ts';
import { only, type Page } from '../../domain/listing.ts';
import { asciiHostname, type Domain } from '../../domain/route.ts';
import { appHostname } from '../../domain/urls.ts';
import type { ApiSettings } from '../api-settings.ts';
import type { Contract } from '../contract.ts';
import { derivedId } from '../derived-id.ts';
import type { RouteDeps } from '../route-deps.ts';
import type { Answer, Routes } from '../route-types.ts';

type DomainRoutes = Pick<Routes, 'listDomains' | 'infoDomain' | 'createDomain' | 'deleteDomain'>;
type DomainJson = Answer<Contract['infoDomain']>;

export function domainRoutes({ store, operations, settings }: RouteDeps): DomainRoutes {
  const list = async (app: App, page: Page<'hostname' | 'id' | 'updated_at'>): Promise<readonly DomainJson[]> => {
    const custom = await store.listings.domains(app.id, page);
    return [ownDomain(app, settings), ...custom.map((domain) => serializeDomain(domain, app, settings))];
  };
  const findOne = async (app: App, wanted: string): Promise<DomainJson> => {
    const name = asciiHostname(wanted);
    const bound = { value: name, exclusive: false };
    const named = await list(app, { property: 'hostname', start: bound, end: bound, order: 'asc', max: 1 });
    const known = [...named, ...(await list(app, only(wanted)))];
    const found = known.find(({ id, hostname }) => id === wanted || hostname === name);
    if (found) return found;
    throw new PlatformError('not_found', `${app.name} has no domain ${JSON.stringify(wanted.slice(0, 253))}.`, {
      hint: `See its domains: paas domains -a ${app.name}`,
    });
  };
  return {
    listDomains: async ({ app, page }) => [...(await list(app, page))],
    infoDomain: ({ app, params }) => findOne(app, params.domain),
    async createDomain({ app, actor, body }) {
      const domain = await operations.addDomain(app, body.hostname, actor);
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
