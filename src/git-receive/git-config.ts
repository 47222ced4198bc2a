import { bigFileBytes } from './limits.ts';

export interface GitConfigFacts {
  readonly repository: string;
  readonly hooksPath: string;
  readonly packBytes: number;
}

/** Harmless mistakes in old repositories. Any other mistake that fsck finds refuses the push. */
const toleratedFindings = [
  'zeroPaddedFilemode',
  'missingSpaceBeforeDate',
  'badTimezone',
  'zeroPaddedDate',
  'missingSpaceBeforeEmail',
  'missingNameBeforeEmail',
] as const;

/**
 * The whole configuration that git runs with, given with each command. No file on the machine, and none that a push
 * could change, is read for it.
 */
export function gitConfig(facts: GitConfigFacts): readonly (readonly [string, string])[] {
  const bigFile = String(bigFileBytes);
  return [
    ['safe.directory', facts.repository],
    ['core.hooksPath', facts.hooksPath],
    ['core.bigFileThreshold', bigFile],
    ['core.packedGitWindowSize', bigFile],
    ['core.packedGitLimit', String(bigFileBytes * 16)],
    ['core.fsync', 'committed,reference'],
    ['pack.threads', '1'],
    ['pack.windowMemory', '64m'],
    ['pack.deltaCacheSize', '32m'],
    ['receive.maxInputSize', String(facts.packBytes)],
    ['receive.unpackLimit', '1'],
    ['receive.fsckObjects', 'true'],
    ...toleratedFindings.map((id) => [`receive.fsck.${id}`, 'warn'] as const),
    ['transfer.fsckObjects', 'true'],
    // Clients see branches and tags only. Of two matching patterns git takes the later one. The gate refuses a push to
    // another ref: git would refuse a hidden ref before it asks the hook, and keep the objects.
    ['uploadpack.hideRefs', 'refs/'],
    ['uploadpack.hideRefs', '!refs/heads/'],
    ['uploadpack.hideRefs', '!refs/tags/'],
    // Force is allowed, as on Heroku. The gate refuses to delete the deploy branch, and gives the reason.
    ['receive.denyNonFastForwards', 'false'],
    ['receive.denyDeletes', 'false'],
    ['receive.advertiseAtomic', 'true'],
    ['receive.advertisePushOptions', 'true'],
    ['receive.autogc', 'false'],
    // A CI clones with a depth of 1. git refuses such a push only after the hook, when the new version serves already.
    ['receive.shallowUpdate', 'true'],
    ['receive.updateServerInfo', 'false'],
    ['repack.updateServerInfo', 'false'],
    // Seconds of silence until git sends an empty packet. So proxies keep the connection, and a dead client is noticed.
    ['receive.keepAlive', '5'],
    ['gc.auto', '0'],
    ['gc.autoDetach', 'false'],
    ['gc.writeCommitGraph', 'false'],
    ['maintenance.auto', 'false'],
    ['uploadpack.allowFilter', 'false'],
    ['uploadpack.allowTipSHA1InWant', 'false'],
    ['uploadpack.allowReachableSHA1InWant', 'false'],
    ['uploadpack.allowAnySHA1InWant', 'false'],
    ['uploadpack.keepAlive', '5'],
    ['tar.umask', '0022'],
  ];
}

/** The environment variables through which git takes `config` (git-config(1), GIT_CONFIG_COUNT). */
export function configEnvironment(config: readonly (readonly [string, string])[]): Readonly<Record<string, string>> {
  const env: Record<string, string> = { GIT_CONFIG_COUNT: String(config.length) };
  config.forEach(([key, value], index) => {
    env[`GIT_CONFIG_KEY_${index}`] = key;
    env[`GIT_CONFIG_VALUE_${index}`] = value;
  });
  return env;
}
