import { z } from 'zod';
import { defaultFirstUid } from '../domain/app-user.ts';
import { defaultCloudlet } from '../domain/cloudlet.ts';
import { defaultTerminals } from '../domain/containers.ts';
import { parseAddressRange } from '../system/address-range.ts';
import { readNetwork } from '../system/network.ts';

const megabyte = 1024 * 1024;

/** The text of the error follows "must be". */
function wholeNumber(min: number, max: number) {
  const rule = `a whole number from ${min} to ${max}`;
  return z.coerce.number(rule).int(rule).min(min, rule).max(max, rule);
}

const overcommitRule = 'a number from 1 to 10, such as 1.5';
const overcommit = z.coerce.number(overcommitRule).min(1, overcommitRule).max(10, overcommitRule);

function text(pattern: RegExp, rule: string) {
  return z.string(rule).regex(pattern, rule);
}

const rangesRule = 'addresses or ranges with commas between them, such as 10.0.0.5, 2001:db8::/32';

const networksRule = 'networks with commas between them';

/** The addresses and ranges of a list with commas. */
export function rangesOf(list: string): readonly string[] {
  return list
    .split(',')
    .map((range) => range.trim())
    .filter((range) => range !== '');
}

/** Unlike ranges, each is checked strictly, and the error names the one that is wrong. */
const networks = z.string(networksRule).superRefine((list, context) => {
  for (const text of rangesOf(list)) {
    const read = readNetwork(text);
    if (!('mistake' in read)) continue;
    context.addIssue({ code: 'custom', message: `${networksRule}: instead of ${text}, ${read.mistake}` });
    return;
  }
});

const port = wholeNumber(0, 65_535);
const trueOrFalse = z.union([z.boolean(), z.stringbool()], 'true or false');
const day = 24 * 60 * 60;
const logLevels = ['silent', 'error', 'warn', 'info', 'debug', 'trace'] as const;

/** Every setting by its name in paas.toml, with its rule, its default and its purpose. */
export const settingRules = z.object({
  domain: text(/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/, 'a domain name in small letters, such as example.com')
    .default('localhost')
    .describe('apps answer at <app>.<domain>'),
  bind: z.string('an address of this host').default('0.0.0.0').describe('the address that visitors and git reach'),
  http_port: port.default(8080).describe('its port for HTTP'),
  trusted_proxies: z
    .string(rangesRule)
    .refine((list) => rangesOf(list).every((range) => parseAddressRange(range) !== null), rangesRule)
    .default('')
    .describe('proxies in front that are believed about their clients'),
  answer_head_kib: wholeNumber(4, 1024).default(64).describe("the largest head of an app's answer, in KiB"),
  connections: wholeNumber(64, 1_000_000)
    .default(16_384)
    .describe("visitors' connections at once, an eighth of them kept"),
  client_connections: wholeNumber(1, 1_000_000).default(1_024).describe('connections of one address'),
  client_requests: wholeNumber(1, 1_000_000).default(400).describe('requests of one address in flight'),
  app_requests: wholeNumber(1, 1_000_000).default(2_048).describe('requests and WebSockets of one app at once'),
  instance_requests: wholeNumber(1, 1_000_000).default(500).describe('requests in flight on one instance'),
  app_held_requests: wholeNumber(0, 1_000_000).default(1_000).describe('requests of one app that wait for an instance'),
  held_requests: wholeNumber(0, 1_000_000).default(5_000).describe('the same of all apps'),
  app_min_rate: wholeNumber(0, 1024 * 1024)
    .default(100)
    .describe('bytes per second that a client of an app must move'),
  api_port: port.default(7080).describe('the port of the API, on 127.0.0.1 only'),
  api_connections: wholeNumber(64, 60_000).default(4_096).describe('connections to the API and git at once'),
  api_strangers: wholeNumber(16, 30_000).default(512).describe('of these, connections that have shown no valid token'),
  api_min_rate: wholeNumber(1, 1024 * 1024)
    .default(500)
    .describe('bytes per second below which a client of the API or git is cut'),
  docker_host: z
    .string("the address of an engine's socket")
    .default('unix:///var/run/docker.sock')
    .describe('the container engine'),
  network_pool: text(/^\d+\.\d+\.\d+\.\d+\/\d+$/, 'a range of addresses such as 10.210.0.0/16')
    .default('10.210.0.0/16')
    .describe("the private range that apps' networks are cut from"),
  first_app_uid: wholeNumber(1000, 2_000_000_000)
    .default(defaultFirstUid)
    .describe("the first uid of the apps' own users; each app takes two"),
  cloudlet_mib: wholeNumber(16, 65_536)
    .default(defaultCloudlet.memoryBytes / megabyte)
    .describe('memory of a cloudlet, the unit of an instance size, in MiB'),
  cloudlet_mhz: wholeNumber(50, 100_000).default(defaultCloudlet.cpuMhz).describe('CPU of a cloudlet, in MHz'),
  app_terminals: wholeNumber(0, 3000).default(defaultTerminals).describe('terminals (ptys) that an instance may open'),
  overcommit: overcommit.default(1.5).describe("how many times the host's cloudlets may be reserved"),
  deploy_reserve: wholeNumber(0, 50).default(5).describe('percent of these for deploys and restarts only'),
  low_memory_percent: wholeNumber(0, 100).default(10).describe('percent of free memory below which apps are restarted'),
  build_slots: wholeNumber(1, 64).default(2).describe('builds at the same time'),
  build_timeout_s: wholeNumber(10, day).default(900).describe('seconds until a build is given up'),
  build_disk_mib: wholeNumber(64, 1024 * 1024)
    .default(4096)
    .describe('what a build may have on disk, in MiB'),
  boot_timeout_s: wholeNumber(1, day).default(60).describe('seconds that a web process has to listen on its port'),
  hold_s: wholeNumber(0, 300).default(15).describe('seconds that a request waits for an instance that starts'),
  stop_grace_s: wholeNumber(0, day).default(30).describe('seconds between the stop signal and SIGKILL'),
  drain_s: wholeNumber(0, day).default(30).describe('seconds for requests in flight when an instance retires'),
  name_keep_days: wholeNumber(0, 3_650)
    .default(30)
    .describe('days that a name which was given up stays with its owner'),
  log_mib_per_app: wholeNumber(1, 1024 * 1024)
    .default(32)
    .describe('how much log is kept of each app, in MiB'),
  backups_kept: wholeNumber(0, 365).default(7).describe('nightly backups of the store that are kept; 0: none is made'),
  reserve_mib: wholeNumber(0, 1024 * 1024)
    .default(64)
    .describe('space kept in its home for a full disk, in MiB'),
  stack_suite: text(/^[a-z]+$/, 'the name of a Debian release, such as trixie')
    .default('trixie')
    .describe('the Debian release that apps are built and run on'),
  deny_networks: networks.default('').describe('networks that apps and builds cannot reach, such as 10.0.0.0/8'),
  instance_disk_mib: wholeNumber(1, 16 * 1024 * 1024)
    .default(4096)
    .describe('what an instance may write to its disk, in MiB'),
  instance_files: wholeNumber(1, 1_000_000_000).default(200_000).describe('files that an instance may make'),
  app_disk_mib: wholeNumber(1, 64 * 1024 * 1024)
    .default(16_384)
    .describe("what an app's instances may write together, in MiB"),
  free_disk_mib: wholeNumber(0, 1024 * 1024)
    .default(4096)
    .describe('disk that apps leave free, in MiB; at most 5 percent'),
  app_connections: wholeNumber(0, 1_000_000).default(4096).describe('open connections of an app to elsewhere, 0: any'),
  app_new_connections: wholeNumber(0, 10_000).default(200).describe('new connections of an app per second, 0: any'),
  app_dns_queries: wholeNumber(0, 10_000).default(200).describe('DNS queries of an app per second, 0: any'),
  close_metadata: trueOrFalse.default(true).describe('as root, keep steps of Dockerfiles from 169.254.0.0/16'),
  raise_limits: trueOrFalse.default(true).describe('as root, raise limits of the kernel that all apps share'),
  link_command: trueOrFalse.default(true).describe('as root, link the command paas into /usr/local/bin'),
  log_level: z
    .enum(logLevels, `one of ${logLevels.join(', ')}`)
    .default('info')
    .describe("how much the platform's own log says"),
});

export type RawSettings = z.infer<typeof settingRules>;
export type SettingName = keyof RawSettings;
export const settingNames = Object.keys(settingRules.shape) as readonly SettingName[];

/** The default of a setting, as text. */
export function defaultOf(name: SettingName): string {
  return String(settingRules.shape[name].parse(undefined));
}

/** The purpose of a setting, in a few words. */
export function aboutSetting(name: SettingName): string {
  return settingRules.shape[name].description ?? '';
}
