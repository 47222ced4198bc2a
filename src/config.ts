import { readFileSync } from 'node:fs';
import { homedir, userInfo } from 'node:os';
import { join } from 'node:path';
import { parse } from 'smol-toml';
import { z } from 'zod';
import { defaultCloudlet } from './domain/cloudlet.ts';
import { PlatformError } from './domain/errors.ts';
import { type Environment, environment } from './environment.ts';

/** Every setting of the platform, checked. Nothing else makes a setting of an environment variable. */
export interface Settings {
  readonly home: string;
  readonly domain: string;
  /** Where the resolver listens for the public. */
  readonly bind: string;
  readonly httpPort: number;
  readonly httpsPort: number;
  readonly apiPort: number;
  readonly dockerHost: string;
  /** Private range that the apps' networks are cut from. */
  readonly networkPool: string;
  readonly cloudletMemoryBytes: number;
  readonly cloudletCpuMhz: number;
  /** Builds at the same time, over all apps. */
  readonly buildSlots: number;
  readonly buildTimeoutMs: number;
  readonly bootTimeoutMs: number;
  readonly stopGraceMs: number;
  /** How long in-flight requests of a retiring instance may take to finish. */
  readonly drainMs: number;
  readonly logBytesPerApp: number;
  /** The stacks' Debian release. */
  readonly stackSuite: string;
  readonly logLevel: string;
  /** Whether `npm start` as root puts `paas` into the system's path. */
  readonly linkCommand: boolean;
}

const megabyte = 1024 * 1024;
const port = z.coerce.number().int().min(0).max(65_535);

const schema = z.object({
  home: z.string().min(1),
  domain: z
    .string()
    .regex(/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/)
    .default('localhost'),
  bind: z.string().default('0.0.0.0'),
  http_port: port.default(8080),
  https_port: port.default(8443),
  api_port: port.default(7080),
  docker_host: z.string().default('unix:///var/run/docker.sock'),
  network_pool: z
    .string()
    .regex(/^\d+\.\d+\.\d+\.\d+\/\d+$/)
    .default('10.210.0.0/16'),
  cloudlet_mib: z.coerce
    .number()
    .int()
    .min(16)
    .default(defaultCloudlet.memoryBytes / megabyte),
  cloudlet_mhz: z.coerce.number().int().min(50).default(defaultCloudlet.cpuMhz),
  build_slots: z.coerce.number().int().min(1).max(64).default(2),
  build_timeout_s: z.coerce.number().int().min(10).default(900),
  boot_timeout_s: z.coerce.number().int().min(1).default(60),
  stop_grace_s: z.coerce.number().int().min(0).default(30),
  drain_s: z.coerce.number().int().min(0).default(30),
  log_mib_per_app: z.coerce.number().min(1).default(32),
  stack_suite: z
    .string()
    .regex(/^[a-z]+$/)
    .default('trixie'),
  link_command: z.union([z.boolean(), z.stringbool()]).default(true),
  log_level: z.enum(['silent', 'error', 'warn', 'info', 'debug', 'trace']).default('info'),
});

type SettingName = keyof z.infer<typeof schema>;

/**
 * Settings from, strongest first: `flags`, `PAAS_*` of the environment, `paas.toml` in PAAS_HOME, the defaults.
 * Throws `invalid_params` naming the setting and where it came from.
 */
export function readSettings(env: Environment = environment(), flags: Readonly<Record<string, string>> = {}): Settings {
  const home = flags.home ?? env.PAAS_HOME ?? defaultHome(env);
  const file = readFile(join(home, 'paas.toml'));
  const raw: Record<string, unknown> = { home };
  for (const name of Object.keys(schema.shape) as SettingName[]) {
    const value = flags[name] ?? env[environmentName(name)] ?? file[name];
    if (value !== undefined && name !== 'home') raw[name] = value;
  }
  const parsed = schema.safeParse(raw);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    const name = String(issue?.path[0] ?? 'home') as SettingName;
    throw new PlatformError('invalid_params', `The setting ${environmentName(name)} is wrong: ${issue?.message}.`, {
      hint: `Change ${environmentName(name)} in the environment or ${name} in ${join(home, 'paas.toml')}.`,
    });
  }
  return toSettings(parsed.data);
}

export function environmentName(name: string): string {
  return `PAAS_${name.toUpperCase()}`;
}

function toSettings(s: z.infer<typeof schema>): Settings {
  return {
    home: s.home,
    domain: s.domain,
    bind: s.bind,
    httpPort: s.http_port,
    httpsPort: s.https_port,
    apiPort: s.api_port,
    dockerHost: s.docker_host,
    networkPool: s.network_pool,
    cloudletMemoryBytes: s.cloudlet_mib * megabyte,
    cloudletCpuMhz: s.cloudlet_mhz,
    buildSlots: s.build_slots,
    buildTimeoutMs: s.build_timeout_s * 1000,
    bootTimeoutMs: s.boot_timeout_s * 1000,
    stopGraceMs: s.stop_grace_s * 1000,
    drainMs: s.drain_s * 1000,
    logBytesPerApp: s.log_mib_per_app * megabyte,
    stackSuite: s.stack_suite,
    logLevel: s.log_level,
    linkCommand: s.link_command,
  };
}

function defaultHome(env: Environment): string {
  if (userInfo().uid === 0) return '/var/lib/paas';
  return join(env.XDG_DATA_HOME ?? join(env.HOME ?? homedir(), '.local', 'share'), 'paas');
}

function readFile(path: string): Readonly<Record<string, unknown>> {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {};
    throw error;
  }
  try {
    return parse(text);
  } catch (error) {
    throw new PlatformError('invalid_params', `${path} is no valid TOML: ${(error as Error).message}`, {
      cause: error,
    });
  }
}

/** Where things lie below PAAS_HOME. Files other than state.db, repos and keys are caches that can be rebuilt. */
export function paths(home: string) {
  return {
    state: join(home, 'state.db'),
    repos: join(home, 'repos'),
    keys: join(home, 'keys'),
    logs: join(home, 'logs'),
    run: join(home, 'run'),
    cache: join(home, 'cache'),
    /** The hook that every repository shares, and the Node that runs it: git's own user can reach these, not the checkout. */
    hooks: join(home, 'hooks'),
    runtime: join(home, 'runtime'),
    apiSocket: join(home, 'run', 'api.sock'),
    hookSocket: join(home, 'run', 'hook.sock'),
    resolverSocket: join(home, 'run', 'resolver.sock'),
    routeSnapshot: join(home, 'run', 'routes.json'),
  } as const;
}
