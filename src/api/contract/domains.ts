import { z } from 'zod';
import { appParam, appRef, endpoint, id, time } from './endpoint.ts';

export const Domain = z.object({
  id,
  hostname: z.string(),
  kind: z.enum(['heroku', 'custom']).describe("heroku: the app's own name under the platform's domain"),
  cname: z.string().nullable().describe('The DNS record of a custom hostname should point to this'),
  status: z.enum(['none', 'pending', 'succeeded']),
  acm_status: z.string().nullable(),
  acm_status_reason: z.string().nullable(),
  sni_endpoint: z.null(),
  app: appRef,
  created_at: time,
  updated_at: time,
});
export type Domain = z.infer<typeof Domain>;

const domainParam = appParam.extend({ domain: z.string().min(1).describe('Hostname or id') });

export const domainEndpoints = {
  listDomains: endpoint({
    method: 'GET',
    path: '/apps/{app}/domains',
    tag: 'domains',
    summary: 'Hostnames of an app',
    params: appParam,
    response: z.array(Domain),
    range: ['hostname', 'id', 'updated_at'],
  }),
  infoDomain: endpoint({
    method: 'GET',
    path: '/apps/{app}/domains/{domain}',
    tag: 'domains',
    summary: 'One hostname',
    params: domainParam,
    response: Domain,
  }),
  createDomain: endpoint({
    method: 'POST',
    path: '/apps/{app}/domains',
    tag: 'domains',
    summary: 'Add a hostname',
    params: appParam,
    body: z.strictObject({ hostname: z.string(), sni_endpoint: z.null().optional() }),
    response: Domain,
    status: 201,
  }),
  deleteDomain: endpoint({
    method: 'DELETE',
    path: '/apps/{app}/domains/{domain}',
    tag: 'domains',
    summary: 'Remove a hostname',
    params: domainParam,
    response: Domain,
  }),
};
