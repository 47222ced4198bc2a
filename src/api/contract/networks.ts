import { z } from 'zod';
import { appParam, appRef, endpoint, time } from './endpoint.ts';

export const AllowedNetwork = z.object({ app: appRef, network: z.string(), created_at: time });

export const AppNetworks = z.object({
  denied: z.array(z.string()).describe('Networks that no app can reach (PAAS_DENY_NETWORKS)'),
  allowed: z.array(AllowedNetwork).describe('Those that this app can reach all the same'),
});

const networkParam = appParam.extend({ network: z.string().min(1).describe('In CIDR notation') });

export const networkEndpoints = {
  infoNetworks: endpoint({
    method: 'GET',
    path: '/apps/{app}/networks',
    tag: 'networks',
    summary: 'Which networks an app cannot reach, and its exceptions',
    params: appParam,
    response: AppNetworks,
  }),
  createAllowedNetwork: endpoint({
    method: 'POST',
    path: '/apps/{app}/networks',
    tag: 'networks',
    summary: 'Let an app reach a denied network; for the administrator',
    params: appParam,
    body: z.strictObject({ network: z.string() }),
    response: AllowedNetwork,
    status: 201,
  }),
  deleteAllowedNetwork: endpoint({
    method: 'DELETE',
    path: '/apps/{app}/networks/{network}',
    tag: 'networks',
    summary: 'Take back such an exception; for the administrator',
    params: networkParam,
    response: AllowedNetwork,
  }),
};
