import type { Settings } from '../config/settings.ts';

/** The settings that the API reads. */
export type ApiSettings = Pick<
  Settings,
  | 'home'
  | 'domain'
  | 'httpPort'
  | 'apiPort'
  | 'nameKeepMs'
  | 'deniedNetworks'
  | 'stackSuite'
  | 'cloudletMemoryBytes'
  | 'cloudletCpuMhz'
>;
