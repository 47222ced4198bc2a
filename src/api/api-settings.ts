import type { Settings } from '../config/settings.ts';

/** What of the settings the API reads. */
export type ApiSettings = Pick<
  Settings,
  'home' | 'domain' | 'httpPort' | 'apiPort' | 'stackSuite' | 'cloudletMemoryBytes' | 'cloudletCpuMhz'
>;
