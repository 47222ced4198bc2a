import type { Cloudlets } from './cloudlet.ts';

/** A machine that runs containers. The first one is the machine the platform runs on. */
export interface Host {
  readonly id: string;
  readonly name: string;
  readonly groupId: string;
  readonly role: HostRole;
  /** Where the other hosts reach it; null for the machine the platform runs on while it is the only one. */
  readonly address: string | null;
  readonly cpus: number;
  readonly memoryBytes: number;
  /** What the engine says the machine has, in cloudlets, less what the platform keeps for itself. */
  readonly cloudlets: Cloudlets;
  /** What its operator says of it, for choosing hosts. */
  readonly labels: Readonly<Record<string, string>>;
  readonly state: HostState;
  readonly createdAt: Date;
  /** When its engine last answered; null before the first time. */
  readonly seenAt: Date | null;
}

/** `apps`: instances are placed on it. `infra`: it runs the platform's own parts, and no instance. */
export type HostRole = 'apps' | 'infra';

export type HostState = 'ready' | 'unreachable' | 'maintenance';

/** Hosts that stand together, as in one region. Each group has its own capacity. */
export interface HostGroup {
  readonly id: string;
  readonly name: string;
  readonly createdAt: Date;
}
