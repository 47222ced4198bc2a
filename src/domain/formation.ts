import type { Artifact } from './build.ts';
import type { Instance } from './instance.ts';
import type { InstanceSize } from './instance-size.ts';

/** One process type of an app: how many instances, and how large. Scaling changes it and makes no release. */
export interface FormationEntry {
  readonly appId: string;
  readonly type: string;
  readonly quantity: number;
  readonly size: InstanceSize;
  readonly updatedAt: Date;
}

export const maxQuantity = 100;
export const processTypePattern = /^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$/;

/** Process types that run only as one-shots. A formation never has them. */
export const oneShotTypes: ReadonlySet<string> = new Set(['run', 'release']);

/** Whether the instance is part of its app's formation. One-shots and instances of services are not. */
export function isOfFormation({ type, workload }: Pick<Instance, 'type' | 'workload'>): boolean {
  return workload.kind === 'release' && !oneShotTypes.has(type);
}

/** The process types of an artifact that a formation can run, in the Procfile's order. */
export function formationTypes({ processes }: Pick<Artifact, 'processes'>): readonly string[] {
  return processes.map(({ type }) => type).filter((type) => !oneShotTypes.has(type));
}

/** The first quantity of a process type: 1 for web, 0 for the others, as on Heroku. */
export function initialQuantity(type: string): number {
  return type === 'web' ? 1 : 0;
}
