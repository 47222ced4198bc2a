import type { Actor } from '../../domain/actor.ts';
import type { App } from '../../domain/app.ts';
import { PlatformError } from '../../domain/errors.ts';
import { type ListedApp, type Listings, only } from '../../domain/listing.ts';
import { appUrl, gitUrl } from '../../domain/urls.ts';
import type { ApiSettings } from '../api-settings.ts';
import type { Contract } from '../contract.ts';
import { derivedId } from '../derived-id.ts';
import { person } from '../person.ts';
import { checkChoice, generation, regionOf, stackOf } from '../region-and-stack.ts';
import type { RouteDeps } from '../route-deps.ts';
import type { Answer, Routes } from '../route-types.ts';

type AppRoutes = Pick<
  Routes,
  'createApp' | 'listApps' | 'listOwnApps' | 'infoApp' | 'updateApp' | 'deleteApp' | 'listCollaborators'
>;

export function appRoutes(deps: RouteDeps): AppRoutes {
  const { store, operations, settings } = deps;
  const show = async ({ id, ownerId, name }: App) => {
    const [listed] = await store.listings.apps(ownerId, only(id));
    if (!listed) throw new PlatformError('not_found', `No app named ${name}.`, { hint: 'See your apps: paas apps' });
    return serializeApp(listed, settings);
  };
  const list = async (actor: Actor, page: Parameters<Listings['apps']>[1]) =>
    (await store.listings.apps(actor.accountId, page)).map((listed) => serializeApp(listed, settings));
  return {
    async createApp({ actor, body }) {
      checkChoice('region', body.region, regionOf(settings));
      checkChoice('stack', body.stack, stackOf(settings));
      return show(await operations.createApp(body.name ?? null, actor));
    },
    listApps: ({ actor, page }) => list(actor, page),
    listOwnApps: ({ actor, page }) => list(actor, page),
    infoApp: ({ app }) => show(app),
    async updateApp({ app, actor, body }) {
      const { name, maintenance } = body;
      if (name !== undefined && name !== app.name) await operations.renameApp(app, name, actor);
      if (maintenance !== undefined) await operations.setMaintenance(app, maintenance, actor);
      return show(await store.apps.get(app.id));
    },
    async deleteApp({ app, actor }) {
      const shown = await show(app);
      await operations.destroyApp(app, actor);
      return shown;
    },
    async listCollaborators({ app }) {
      const account = await store.accounts.find(app.ownerId);
      const owner = person(app.ownerId, account?.email ?? null);
      const since = app.createdAt.toISOString();
      const id = derivedId('collaborator', app.id, owner.id);
      const permissions = ['deploy', 'manage', 'operate', 'view'].map((name) => ({ name }));
      return [{ id, user: owner, role: 'owner', permissions, created_at: since, updated_at: since }];
    },
  };
}

function serializeApp(
  { app, ownerEmail, releasedAt, artifactBytes }: ListedApp,
  settings: ApiSettings,
): Answer<Contract['infoApp']> {
  return {
    id: app.id,
    name: app.name,
    owner: person(app.ownerId, ownerEmail),
    region: regionOf(settings),
    stack: stackOf(settings),
    build_stack: stackOf(settings),
    generation,
    git_url: gitUrl(settings, app.name),
    web_url: appUrl(settings, app.name),
    maintenance: app.maintenance,
    acm: false,
    created_at: app.createdAt.toISOString(),
    updated_at: app.updatedAt.toISOString(),
    released_at: releasedAt?.toISOString() ?? null,
    archived_at: null,
    repo_size: null,
    slug_size: artifactBytes,
    space: null,
    team: null,
    locked: false,
    internal_routing: null,
    process_tier: 'basic',
  };
}
