import { z } from 'zod';
import { appParam, endpoint } from './endpoint.ts';

export const ConfigVars = z.record(z.string(), z.string());
export type ConfigVars = z.infer<typeof ConfigVars>;

export const configVarEndpoints = {
  listConfigVars: endpoint({
    method: 'GET',
    path: '/apps/{app}/config-vars',
    tag: 'config vars',
    summary: 'All config vars, by name',
    params: appParam,
    response: ConfigVars,
  }),
  updateConfigVars: endpoint({
    method: 'PATCH',
    path: '/apps/{app}/config-vars',
    tag: 'config vars',
    summary: 'Set and unset (null) config vars; answers all of them once the release that holds them exists',
    params: appParam,
    body: z.record(z.string(), z.string().nullable()),
    response: ConfigVars,
  }),
};
