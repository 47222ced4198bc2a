import type { BuildOutput } from '../../domain/build.ts';
import type { Engine } from '../../domain/engine.ts';
import { errorCode } from '../../domain/errors.ts';
import { labelNames } from '../../domain/labels.ts';
import type { JailLimits } from '../jail/limits.ts';
import { appOwner } from '../layer-tar.ts';

const platformUser = `${appOwner.uid}:${appOwner.gid}`;

export interface UserLookup {
  readonly imageId: string;
  /** The image's USER. */
  readonly user: string | undefined;
  readonly platformId: string;
  readonly buildId: string;
  readonly limits: JailLimits;
  readonly output: BuildOutput;
  readonly signal: AbortSignal;
}

/**
 * The user for the image's processes, as `uid:gid` in numbers: the image's own if it is not root. Otherwise it is the
 * platform's, and a warning is printed.
 */
export async function userOfImage(engine: Engine, lookup: UserLookup): Promise<string> {
  const { user = '', output } = lookup;
  const [name = '', group = ''] = user.split(':');
  const uid = /^\d+$/.test(name) ? name : name === '' || name === 'root' ? '0' : await lookUp(engine, lookup, name);
  if (uid !== null && Number(uid) > 0) {
    const gid = /^\d+$/.test(group) ? group : await lookUpGroup(engine, lookup, name);
    return `${uid}:${gid !== null && Number(gid) > 0 ? gid : uid}`;
  }
  output.warn(
    uid === null
      ? `The image's user ${name} could not be looked up. Here the image runs as user ${appOwner.uid}.`
      : `The image runs as root. Here it runs as user ${appOwner.uid}, so what it writes to must be writable by that user.`,
  );
  output.warn(`To decide yourself, give the Dockerfile a line such as: USER ${appOwner.uid}`);
  return platformUser;
}

async function lookUpGroup(engine: Engine, lookup: UserLookup, name: string): Promise<string | null> {
  return /^\d+$/.test(name) ? null : await lookUp(engine, lookup, name, '-g');
}

/** Runs the image's own `id` in the build sandbox, because the image's files define the user. Null when it has no `id`. */
async function lookUp(engine: Engine, lookup: UserLookup, name: string, flag = '-u'): Promise<string | null> {
  const { platformId, buildId, limits } = lookup;
  const signal = AbortSignal.any([lookup.signal, AbortSignal.timeout(30_000)]);
  const id = await engine.containers.create({
    name: `paas-build-${buildId}-user${flag}`,
    image: lookup.imageId,
    sandbox: 'build',
    labels: { [labelNames.platform]: platformId, [labelNames.role]: 'build', [labelNames.build]: buildId },
    user: platformUser,
    entrypoint: ['id', flag, '--', name],
    command: [],
    env: {},
    memoryBytes: 64 * 1024 * 1024,
    cpus: limits.cpus,
    networks: [],
  });
  try {
    const { stdout } = await engine.containers.attach(id, signal);
    await engine.containers.start(id);
    let text = '';
    for await (const chunk of stdout) text = (text + String(chunk)).slice(0, 100);
    return /^(\d+)\s*$/.exec(text)?.[1] ?? null;
  } catch (error) {
    if (errorCode(error) === 'start_failed') return null;
    throw error;
  } finally {
    await engine.containers.remove(id);
  }
}
