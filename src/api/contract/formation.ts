import { z } from 'zod';
import { appParam, appRef, endpoint, id, time } from './endpoint.ts';

/** The size of an instance in cloudlets. */
export const Cloudlets = z.object({ reserved: z.number().int(), limit: z.number().int() });

export const Formation = z.object({
  id,
  type: z.string(),
  quantity: z.number().int(),
  size: z.string().describe('Cloudlets of one instance: reserved and limit (1-4), or one number for both (4)'),
  cloudlets: Cloudlets,
  command: z.string().nullable(),
  app: appRef,
  updated_at: time,
});
export type Formation = z.infer<typeof Formation>;

/** `2`, `"2"`, `"+1"` or `"-1"`. With a sign it is added to the quantity of now. */
export const Quantity = z.union([z.number().int().min(0), z.string().regex(/^[+-]?\d{1,4}$/)]);

const size = z.string().min(1).describe('Reserved and limit (1-4, 128M-1G), or one amount for both (4, 4c, 512M, 1G)');
const change = { quantity: Quantity.optional(), size: size.optional() };
const typeParam = appParam.extend({ type: z.string().min(1).describe('Process type') });

export const formationEndpoints = {
  listFormation: endpoint({
    method: 'GET',
    path: '/apps/{app}/formation',
    tag: 'formation',
    summary: 'Process types with quantity and size',
    params: appParam,
    response: z.array(Formation),
    range: ['type', 'id', 'updated_at'],
  }),
  updateFormation: endpoint({
    method: 'PATCH',
    path: '/apps/{app}/formation',
    tag: 'formation',
    summary: 'Scale several process types, all or none; answers those that were named',
    params: appParam,
    body: z.strictObject({ updates: z.array(z.strictObject({ type: z.string().min(1), ...change })).min(1) }),
    response: z.array(Formation),
  }),
  updateFormationType: endpoint({
    method: 'PATCH',
    path: '/apps/{app}/formation/{type}',
    tag: 'formation',
    summary: 'Scale one process type',
    params: typeParam,
    body: z.strictObject(change),
    response: Formation,
  }),
};
