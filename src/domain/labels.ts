export type Labels = Readonly<Record<string, string>>;

/** Labels by which the platform finds its own objects. The store is the source of truth for all that they say. */
export const labelNames = {
  platform: 'paas.platform',
  app: 'paas.app',
  /** `instance`, `build`, `stack`, `artifact`, `cache`, `template`. */
  role: 'paas.role',
  instance: 'paas.instance',
  /** The kind of workload that an instance runs for: `release` or `service`. */
  workload: 'paas.workload',
  /** `v12`, on an instance of a release. */
  release: 'paas.release',
  process: 'paas.process',
  build: 'paas.build',
  /** `yes` on a one-off that is attached to a terminal. It ends with the process that holds the terminal. */
  terminal: 'paas.terminal',
} as const;
