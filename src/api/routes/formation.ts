import type { z } from 'zod';
import type { App } from '../../domain/app.ts';
import type { ProcessType } from '../../domain/build.ts';
import { PlatformError } from '../../domain/errors.ts';
import type { FormationEntry } from '../../domain/formation.ts';
import { type InstanceSize, parseSize, sizeText } from '../../domain/instance-size.ts';
import type { ScaleChange } from '../../domain/operations.ts';
import type { Store } from '../../domain/store.ts';
import { servingReleases } from '../../domain/traffic.ts';
import type { ApiSettings } from '../api-settings.ts';
import type { Quantity } from '../contract/formation.ts';
import type { Contract } from '../contract.ts';
import { derivedId } from '../derived-id.ts';
import type { RouteDeps } from '../route-deps.ts';
import type { Answer, Routes } from '../route-types.ts';

type FormationRoutes = Pick<Routes, 'listFormation' | 'updateFormation' | 'updateFormationType'>;

export function formationRoutes({ store, operations, settings }: RouteDeps): FormationRoutes {
  const showAll = async (app: App, entries: readonly FormationEntry[]) => {
    const processes = await servedProcesses(store, app);
    return entries.map((entry) => serializeFormation(entry, { app, processes }));
  };
  return {
    async listFormation({ app }) {
      const entries = await store.formations.list(app.id);
      // A type that the release does not have keeps its entry for a rollback, but none of it runs.
      const processes = await servedProcesses(store, app);
      return showAll(
        app,
        entries.filter((entry) => processes.some(({ type }) => type === entry.type)),
      );
    },
    async updateFormation({ app, actor, body }) {
      const changes = body.updates.map((update) => scaleChange(update, settings));
      return showAll(app, await operations.scale(app, changes, actor));
    },
    async updateFormationType({ app, actor, params, body }) {
      const change = scaleChange({ ...body, type: params.type }, settings);
      const [shown] = await showAll(app, await operations.scale(app, [change], actor));
      if (!shown) throw new PlatformError('internal', 'Scaling answered no formation entry.');
      return shown;
    },
  };
}

/** Reads a size such as `1-4` or `512M`. Throws `invalid_params`. */
export function sizeOf(size: string, { cloudletMemoryBytes, cloudletCpuMhz }: ApiSettings): InstanceSize {
  return parseSize(size, { memoryBytes: cloudletMemoryBytes, cpuMhz: cloudletCpuMhz });
}

/**
 * The process types of every release that gets requests. Of two with one name, the first is that of the release with
 * more weight.
 */
async function servedProcesses(store: Store, { id }: App): Promise<readonly ProcessType[]> {
  const serving = servingReleases(await store.traffic.list(id));
  return (await Promise.all(serving.map((releaseId) => processesOf(store, releaseId)))).flat();
}

/** The process types of a release; none before the first build. */
export async function processesOf(store: Store, releaseId: string): Promise<readonly ProcessType[]> {
  const release = await store.releases.find(releaseId);
  const artifact = release?.artifactId ? await store.artifacts.find(release.artifactId) : null;
  return artifact?.processes ?? [];
}

interface Update {
  readonly type: string;
  readonly quantity?: z.output<typeof Quantity> | undefined;
  readonly size?: string | undefined;
}

function scaleChange({ type, quantity, size }: Update, settings: ApiSettings): ScaleChange {
  return {
    type,
    ...(quantity === undefined ? {} : { quantity: quantityOf(quantity) }),
    ...(size === undefined ? {} : { size: sizeOf(size, settings) }),
  };
}

function quantityOf(quantity: string | number): NonNullable<ScaleChange['quantity']> {
  const isStep = typeof quantity === 'string' && /^[+-]/.test(quantity);
  return isStep ? { add: Number(quantity) } : { set: Number(quantity) };
}

function serializeFormation(
  entry: FormationEntry,
  { app, processes }: { readonly app: App; readonly processes: readonly ProcessType[] },
): Answer<Contract['updateFormationType']> {
  return {
    id: derivedId('formation', app.id, entry.type),
    type: entry.type,
    quantity: entry.quantity,
    size: sizeText(entry.size),
    cloudlets: entry.size,
    command: processes.find((process) => process.type === entry.type)?.command ?? null,
    app: { id: app.id, name: app.name },
    updated_at: entry.updatedAt.toISOString(),
  };
}
