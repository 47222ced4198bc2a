import { PlatformError } from '../domain/errors.ts';
import type { Logger } from '../system/logger.ts';
import type { DeployUpdate } from './gate.ts';
import { shortRef } from './ref-update.ts';
import type { Repository } from './repository.ts';
import { pointHead } from './repository-files.ts';

// The deploy branch between two pushes that cross. git lets a push move a branch only from where the pushing client
// saw it. It checks this after the hook, when the new version serves already, so it is decided here, before the build.

/** Where a branch is; null when it is not there. */
export async function readRef(repository: Repository, ref: string, signal?: AbortSignal): Promise<string | null> {
  const command = { name: 'for-each-ref', options: ['--format=%(objectname) %(refname)'], revisions: [ref] };
  const listed = await repository.read(command, { maxBytes: 64 * 1024, ...(signal ? { signal } : {}) });
  const row = listed
    .toString()
    .split('\n')
    .find((line) => line.endsWith(` ${ref}`));
  return row?.split(' ')[0] ?? null;
}

/**
 * The branch has moved since the client looked. That is no obstacle to a push that contains what is there now, such as
 * the next commit of somebody who did not wait. Throws `conflict` for any other.
 */
export async function checkFollows(
  repository: Repository,
  update: DeployUpdate,
  { now, signal }: { now: string | null; signal: AbortSignal },
): Promise<void> {
  const branch = shortRef(update.ref);
  if (now) {
    const command = { name: 'rev-list', options: ['--max-count=1'], revisions: [now, `^${update.newId}`] };
    const missing = (await repository.read(command, { maxBytes: 256, signal })).toString().trim();
    if (missing === '') return;
  }
  const where = now ? `moved to ${now.slice(0, 7)}` : 'was deleted';
  throw new PlatformError('conflict', `${branch} ${where} by another push while this one was on its way.`, {
    hint: `Get it and push again, for example: git pull --rebase paas ${branch}`,
  });
}

/** Puts the branch back to where the client saw it, so that git, comparing, moves it from there to the new commit. */
export async function handOver(repository: Repository, update: DeployUpdate, now: string | null): Promise<void> {
  if (now !== update.oldId) await moveRef(repository, { ref: update.ref, from: now, to: update.oldId });
}

/** After git: the branch is at what serves now, or the log says that it is not. Lets a clone check out that branch. */
export async function confirmMoved(
  repository: Repository,
  update: DeployUpdate,
  { now, logger }: { now: string | null; logger: Logger },
): Promise<void> {
  const found = await readRef(repository, update.ref);
  if (found === update.newId) return await pointHead(repository.path, update.ref);
  logger.error('A version serves whose commit is not in its repository; push it again', {
    repository: repository.id,
    ref: update.ref,
    commit: update.newId,
  });
  if (found !== now) await moveRef(repository, { ref: update.ref, from: found, to: now });
}

async function moveRef(
  repository: Repository,
  { ref, from, to }: { ref: string; from: string | null; to: string | null },
): Promise<void> {
  const zero = '0'.repeat((from ?? to ?? '').length);
  const [options, revisions] = to
    ? [['--no-deref'], [ref, to, from ?? zero]]
    : [
        ['--no-deref', '-d'],
        [ref, from ?? zero],
      ];
  await repository.read({ name: 'update-ref', options, revisions }, { maxBytes: 1024 });
}
