import type { AllowedNetwork } from '../../domain/allowed-network.ts';
import type { App } from '../../domain/app.ts';
import type { Contract } from '../contract.ts';
import type { RouteDeps } from '../route-deps.ts';
import type { Answer, Routes } from '../route-types.ts';

type NetworkRoutes = Pick<Routes, 'infoNetworks' | 'createAllowedNetwork' | 'deleteAllowedNetwork'>;

export function networkRoutes({ store, operations, settings }: RouteDeps): NetworkRoutes {
  return {
    async infoNetworks({ app }) {
      const allowed = await store.allowedNetworks.list(app.id);
      return { denied: [...settings.deniedNetworks], allowed: allowed.map((each) => serialize(each, app)) };
    },
    async createAllowedNetwork({ app, actor, body }) {
      return serialize(await operations.allowNetwork(app, body.network, actor), app);
    },
    async deleteAllowedNetwork({ app, actor, params }) {
      return serialize(await operations.denyNetwork(app, params.network, actor), app);
    },
  };
}

function serialize(
  { network, createdAt }: AllowedNetwork,
  { id, name }: App,
): Answer<Contract['createAllowedNetwork']> {
  return { app: { id, name }, network, created_at: createdAt.toISOString() };
}
