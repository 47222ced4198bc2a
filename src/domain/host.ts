import type { Cloudlets } from './cloudlet.ts';

/** A machine that runs containers. The first host is the machine that the platform runs on. */
export interface Host {
  readonly id: string;
  readonly name: string;
  readonly groupId: string;
  readonly role: HostRole;
  /** The address at which other hosts reach it. Null for the machine that the platform runs on while it is the only host. */
  readonly address: string | null;
  readonly cpus: number;
  readonly memoryBytes: number;
  /** The machine's capacity as the engine reports it, in cloudlets, without the share that the platform reserves for itself. */
  readonly cloudlets: Cloudlets;
  /** How many cloudlets may be reserved on it: its capacity times PAAS_OVERCOMMIT. */
  readonly promisable: Cloudlets;
  /** How many of these are kept for instances that replace others. */
  readonly deployReserve: Cloudlets;
  /** Set by its operator, for choosing hosts. */
  readonly labels: Readonly<Record<string, string>>;
  readonly state: HostState;
  readonly createdAt: Date;
  /** When its engine last answered. Null before its first answer. */
  readonly seenAt: Date | null;
}

/** `apps`: instances are placed on it. `infra`: it runs the platform's own parts and no instances. */
export type HostRole = 'apps' | 'infra';

export type HostState = 'ready' | 'unreachable' | 'maintenance';

/** Hosts that belong together, for example in one region. Each group has its own capacity. */
export interface HostGroup {
  readonly id: string;
  readonly name: string;
  readonly createdAt: Date;
}
