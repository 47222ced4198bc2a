import type { Cloudlets } from './cloudlet.ts';

/** A machine that runs containers. The first one is the machine the platform runs on. */
export interface Host {
  readonly id: string;
  readonly name: string;
  readonly state: 'ready' | 'unreachable' | 'maintenance';
  /** What the engine says the machine has, in cloudlets, less what the platform keeps for itself. */
  readonly cloudlets: Cloudlets;
  readonly createdAt: Date;
}
