import type { Artifact } from './build.ts';
import type { Cloudlets } from './cloudlet.ts';
import type { Instance } from './instance.ts';

/** One process type of an app: how many instances, and how large. Scaling changes it and makes no release. */
export interface FormationEntry {
  readonly appId: string;
  readonly type: string;
  readonly quantity: number;
  readonly size: Cloudlets;
  readonly updatedAt: Date;
}

export const maxQuantity = 100;
export const processTypePattern = /^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$/;

/** Process types that run as one-shots only and are never placed by a formation. */
export const oneShotTypes: ReadonlySet<string> = new Set(['run', 'release']);

/** Whether the instance's place comes from the formation of its app: not that of a one-shot, nor of a service. */
export function isOfFormation({ type, workload }: Pick<Instance, 'type' | 'workload'>): boolean {
  return workload.kind === 'release' && !oneShotTypes.has(type);
}

/** The process types of an artifact that a formation can run, in the Procfile's order. */
export function formationTypes({ processes }: Pick<Artifact, 'processes'>): readonly string[] {
  return processes.map(({ type }) => type).filter((type) => !oneShotTypes.has(type));
}

/** The quantity a process type begins with: one web, none of the rest, as on Heroku. */
export function initialQuantity(type: string): number {
  return type === 'web' ? 1 : 0;
}
