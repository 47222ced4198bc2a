import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'smol-toml';
import { PlatformError } from '../domain/errors.ts';
import type { ConnectionLimits } from '../domain/host-hands.ts';
import { nearestWord } from '../system/did-you-mean.ts';
import { readNetwork } from '../system/network.ts';
import { type Environment, environment } from './environment.ts';
import { homeFolder } from './home-folder.ts';
import { limitsOf, type RequestLimits } from './request-limits.ts';
import { environmentName, flagName } from './setting-names.ts';
import {
  defaultOf,
  type RawSettings,
  rangesOf,
  type SettingName,
  settingNames,
  settingRules,
} from './setting-rules.ts';

export { paths } from './paths.ts';
export { environmentName, flagName } from './setting-names.ts';

/** Every setting of the platform, checked. No other code turns an environment variable into a setting. */
export interface Settings {
  readonly home: string;
  readonly domain: string;
  /** The address at which the resolver listens for the public. */
  readonly bind: string;
  readonly httpPort: number;
  /** Addresses and ranges of proxies in front of the resolver that it believes about their clients. */
  readonly trustedProxies: readonly string[];
  /** The largest head of an app's answer. */
  readonly answerHeadBytes: number;
  /** What may be under way in the resolver at the same time. */
  readonly limits: RequestLimits;
  /** Bytes per second that a client of an app has to send, or to read, while it is waited for. 0: any. */
  readonly appMinRate: number;
  readonly apiPort: number;
  /** Connections to the API and git at once. */
  readonly apiConnections: number;
  /** Of these, those whose present request has shown no valid token. */
  readonly apiStrangers: number;
  /** The rate, in bytes per second, below which a client of the API or git is cut. */
  readonly apiMinRate: number;
  readonly dockerHost: string;
  /** The private range that the apps' networks are cut from. */
  readonly networkPool: string;
  /** Apps get users from this uid on. */
  readonly firstAppUid: number;
  readonly cloudletMemoryBytes: number;
  readonly cloudletCpuMhz: number;
  /** Terminals (ptys) that an instance may open. */
  readonly appTerminals: number;
  /** How many times a host's cloudlets may be reserved. */
  readonly overcommit: number;
  /** The share of the reservable cloudlets that only replacements of running instances may use. */
  readonly deployReservePercent: number;
  /** Below this share of free memory on a host, the instance furthest above its reserve is restarted. 0: never. */
  readonly lowMemoryPercent: number;
  /** Builds at the same time, over all apps. */
  readonly buildSlots: number;
  readonly buildTimeoutMs: number;
  readonly buildDiskBytes: number;
  readonly bootTimeoutMs: number;
  /** How long a request waits for an instance that starts, or that is started again within this time after crashes. */
  readonly holdMs: number;
  readonly stopGraceMs: number;
  /** How long requests in flight on a retiring instance may take to end. */
  readonly drainMs: number;
  /** How long the name of a destroyed or renamed app, and a removed hostname, stays with its owner. */
  readonly nameKeepMs: number;
  readonly logBytesPerApp: number;
  /** Nightly backups of the store. */
  readonly backupsKept: number;
  /** The size of the reserve on the disk of `home`. */
  readonly reserveBytes: number;
  /** The Debian release of the stacks. */
  readonly stackSuite: string;
  readonly logLevel: string;
  /** Networks that apps and builds cannot reach, without bits behind their prefixes. */
  readonly deniedNetworks: readonly string[];
  readonly diskLimits: DiskLimits;
  readonly connectionLimits: ConnectionLimits;
  /**
   * Whether containers on the engine's own bridge are kept from link-local addresses, where clouds serve their
   * metadata.
   */
  readonly closeMetadata: boolean;
  /** Whether `npm start` as root raises limits of the kernel that all apps share. */
  readonly raiseLimits: boolean;
  /** Whether `npm start` as root puts `paas` into the system's path. */
  readonly linkCommand: boolean;
}

/** What apps may write to the disks of their hosts. */
export interface DiskLimits {
  /** The disk is lost with the instance, so nothing lasting belongs there. */
  readonly instanceBytes: number;
  readonly instanceFiles: number;
  /** Of all instances of an app on one host. */
  readonly appBytes: number;
  /** What stays free for the platform: the store, logs, repositories and images. */
  readonly reserveBytes: number;
}

const megabyte = 1024 * 1024;

export type Flags = Readonly<Partial<Record<SettingName | 'home', string>>>;

/**
 * Reads the settings. The sources, strongest first: `flags`, `PAAS_*` of the environment, `paas.toml` in PAAS_HOME, the
 * defaults. An empty variable of the environment is not set. Throws `invalid_params` naming the setting, where it is
 * set and what it must be.
 */
export function readSettings(env: Environment = environment(), flags: Flags = {}): Settings {
  const home = homeFolder(env, flags);
  const path = join(home, 'paas.toml');
  const file = readFile(path);
  const raw: Partial<Record<SettingName, unknown>> = {};
  const where: Partial<Record<SettingName, string>> = {};
  for (const name of settingNames) {
    const sources = [
      [flags[name], flagName(name)],
      [env[environmentName(name)] || undefined, environmentName(name)],
      [file[name], `${name} in ${path}`],
    ] as const;
    const first = sources.find(([value]) => value !== undefined);
    if (first) [raw[name], where[name]] = first;
  }
  const parsed = settingRules.safeParse(raw);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const name = issue?.path[0] as SettingName;
    const value = JSON.stringify(raw[name]);
    throw new PlatformError('invalid_params', `${where[name]} is ${value}, and must be ${issue?.message}.`, {
      hint: `Without it: ${defaultOf(name) || 'none'}.`,
    });
  }
  return toSettings(parsed.data, home);
}

function toSettings(s: RawSettings, home: string): Settings {
  return {
    home,
    domain: s.domain,
    bind: s.bind,
    httpPort: s.http_port,
    trustedProxies: rangesOf(s.trusted_proxies),
    answerHeadBytes: s.answer_head_kib * 1024,
    limits: limitsOf(s),
    appMinRate: s.app_min_rate,
    apiPort: s.api_port,
    apiConnections: s.api_connections,
    apiStrangers: Math.min(s.api_strangers, Math.floor(s.api_connections / 2)),
    apiMinRate: s.api_min_rate,
    dockerHost: s.docker_host,
    networkPool: s.network_pool,
    firstAppUid: s.first_app_uid,
    cloudletMemoryBytes: s.cloudlet_mib * megabyte,
    cloudletCpuMhz: s.cloudlet_mhz,
    appTerminals: s.app_terminals,
    overcommit: s.overcommit,
    deployReservePercent: s.deploy_reserve,
    lowMemoryPercent: s.low_memory_percent,
    buildSlots: s.build_slots,
    buildTimeoutMs: s.build_timeout_s * 1000,
    buildDiskBytes: s.build_disk_mib * megabyte,
    bootTimeoutMs: s.boot_timeout_s * 1000,
    holdMs: s.hold_s * 1000,
    stopGraceMs: s.stop_grace_s * 1000,
    drainMs: s.drain_s * 1000,
    nameKeepMs: s.name_keep_days * 86_400_000,
    logBytesPerApp: s.log_mib_per_app * megabyte,
    backupsKept: s.backups_kept,
    reserveBytes: s.reserve_mib * megabyte,
    stackSuite: s.stack_suite,
    logLevel: s.log_level,
    deniedNetworks: rangesOf(s.deny_networks).flatMap((text) => {
      const read = readNetwork(text);
      return 'network' in read ? [read.network] : [];
    }),
    diskLimits: {
      instanceBytes: s.instance_disk_mib * megabyte,
      instanceFiles: s.instance_files,
      appBytes: s.app_disk_mib * megabyte,
      reserveBytes: s.free_disk_mib * megabyte,
    },
    connectionLimits: {
      open: s.app_connections,
      newPerSecond: s.app_new_connections,
      queriesPerSecond: s.app_dns_queries,
    },
    closeMetadata: s.close_metadata,
    raiseLimits: s.raise_limits,
    linkCommand: s.link_command,
  };
}

function readFile(path: string): Readonly<Record<string, unknown>> {
  const settings = parseFile(path, readText(path));
  const unknown = Object.keys(settings).find((name) => !settingNames.some((known) => known === name));
  if (unknown === undefined) return settings;
  const meant = nearestWord(unknown, settingNames);
  throw new PlatformError('invalid_params', `${path} sets ${unknown}, and there is no such setting.`, {
    hint: meant === null ? `There are: ${settingNames.join(', ')}.` : `Did you mean ${meant}?`,
  });
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    // A home that is no folder is reported by the code that needs the folder.
    if (code === 'ENOENT' || code === 'ENOTDIR') return '';
    throw new PlatformError('invalid_params', `${path} cannot be read: ${message}.`, {
      hint: `Run as the user whose platform it is, or choose another folder with ${environmentName('home')}.`,
      cause,
    });
  }
}

function parseFile(path: string, text: string): Readonly<Record<string, unknown>> {
  try {
    return parse(text);
  } catch (cause) {
    const message = (cause as Error).message.replace(/^Invalid TOML document: /, '').trimEnd();
    throw new PlatformError('invalid_params', `${path} is no valid TOML: ${message}`, { cause });
  }
}
