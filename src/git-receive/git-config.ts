import { bigFileBytes } from './limits.ts';

export interface GitConfigFacts {
  readonly repository: string;
  readonly hooksPath: string;
  readonly packBytes: number;
}

/** Mistakes in the objects of old, real repositories that hurt nobody. All else that fsck finds refuses the push. */
const toleratedFindings = [
  'zeroPaddedFilemode',
  'missingSpaceBeforeDate',
  'badTimezone',
  'zeroPaddedDate',
  'missingSpaceBeforeEmail',
  'missingNameBeforeEmail',
] as const;

/**
 * The whole configuration that git runs with here, given with each command: no file on the machine, and none that a
 * push could ever reach, has a say.
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
    // Only branches and tags can be seen; of two matching patterns git takes the later one. A push to another ref is
    // refused by the gate: git refuses hidden ones before it asks the hook, and then keeps their objects.
    ['uploadpack.hideRefs', 'refs/'],
    ['uploadpack.hideRefs', '!refs/heads/'],
    ['uploadpack.hideRefs', '!refs/tags/'],
    // Force is allowed, as on Heroku. Deletion of the deploy branch is refused by the gate, which can say why.
    ['receive.denyNonFastForwards', 'false'],
    ['receive.denyDeletes', 'false'],
    // With --atomic another ref's failure would undo the deploy branch's move after the deploy.
    ['receive.advertiseAtomic', 'false'],
    ['receive.advertisePushOptions', 'false'],
    ['receive.autogc', 'false'],
    // CI clones with a depth of 1. git refuses such a push after the hook only, when the new version serves already.
    ['receive.shallowUpdate', 'true'],
    ['receive.updateServerInfo', 'false'],
    ['repack.updateServerInfo', 'false'],
    // Silence for this long, and git sends an empty packet: proxies keep the connection, a dead client is noticed.
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

/** `config` in the form in which git takes it from its environment (git-config(1), GIT_CONFIG_COUNT). */
export function configEnvironment(config: readonly (readonly [string, string])[]): Readonly<Record<string, string>> {
  const env: Record<string, string> = { GIT_CONFIG_COUNT: String(config.length) };
  config.forEach(([key, value], index) => {
    env[`GIT_CONFIG_KEY_${index}`] = key;
    env[`GIT_CONFIG_VALUE_${index}`] = value;
  });
  return env;
}
