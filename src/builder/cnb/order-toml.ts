import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'smol-toml';
import { z } from 'zod';
import { PlatformError } from '../../domain/errors.ts';
import { type Buildpack, readBuildpack } from './buildpack.ts';

/** Buildpacks that build one source together, one after the other. */
export type Group = readonly GroupMember[];

export interface GroupMember {
  readonly buildpack: Buildpack;
  /** The group may apply without it. */
  readonly optional: boolean;
}

const orderSchema = z.object({
  order: z.array(
    z.object({
      group: z.array(
        z.object({ id: z.string(), version: z.string().optional(), optional: z.boolean().default(false) }),
      ),
    }),
  ),
});

/**
 * The groups of `order.toml` in `directory`; the first that applies is used. "Order" is the specification's word for this
 * list (platform spec, "order.toml"). The last part of a buildpack's id names its folder. Read once: a change of the
 * buildpacks needs a restart of the platform.
 */
export async function readOrder(directory: string): Promise<readonly Group[]> {
  const path = join(directory, 'order.toml');
  const parsed = orderSchema.safeParse(parse(await readFile(path, 'utf8')));
  if (!parsed.success) throw new PlatformError('internal', `${path}: ${z.prettifyError(parsed.error)}`);
  return await Promise.all(
    parsed.data.order.map(({ group }) =>
      Promise.all(
        group.map(async ({ id, version, optional }) => {
          const buildpack = await readBuildpack(join(directory, id.slice(id.lastIndexOf('/') + 1)));
          if (buildpack.id !== id || (version !== undefined && buildpack.version !== version)) {
            throw new PlatformError(
              'internal',
              `${path} names ${id} ${version ?? ''}, and there is ${buildpack.id} ${buildpack.version}.`,
            );
          }
          return { buildpack, optional };
        }),
      ),
    ),
  );
}
