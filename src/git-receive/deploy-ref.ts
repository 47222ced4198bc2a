import { PlatformError } from '../domain/errors.ts';
import type { Logger } from '../system/logger.ts';
import type { DeployUpdate } from './gate.ts';
import { shortRef } from './ref-update.ts';
import type { Repository } from './repository.ts';
import { pointHead } from './repository-files.ts';

// The deploy branch when two pushes overlap. git lets a push move a branch only from the commit that the pushing client
// saw. git checks this after the hook, when the new version serves already. So it is decided here, before the build.

/** The commit that a branch points to; null when there is no such branch. */
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
 * For a branch that has moved since the client looked. Accepts a push that contains the branch's commit of now, such as
 * the next commit of a person who did not wait. Throws `conflict` for any other.
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

/** Puts the branch back to the commit that the client saw, because git moves it only from there. */
export async function handOver(repository: Repository, update: DeployUpdate, now: string | null): Promise<void> {
  if (now !== update.oldId) await moveRef(repository, { ref: update.ref, from: now, to: update.oldId });
}

/**
 * After git has ended: checks that the branch points to the commit that serves, and lets clones check that branch out.
 * Logs an error when it does not.
 */
export async function confirmMoved(
  repository: Repository,
  update: DeployUpdate,
  { now, logger }: { now: string | null; logger: Logger },
): Promise<void> {
  const found = await readRef(repository, update.ref);
  if (found === update.newId) return await pointHead(repository.path, update.ref);
  logger.error('The commit that serves is not in its repository. Push it again.', {
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
