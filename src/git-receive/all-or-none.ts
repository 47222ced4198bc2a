import { PlatformError } from '../domain/errors.ts';
import { deployRefs } from '../domain/push.ts';
import type { IncomingPush } from './incoming-push.ts';
import { type RefUpdate, shortRef } from './ref-update.ts';
import type { Repository } from './repository.ts';

// `git push --atomic` together with a deploy. git moves all refs or none, and tries it after the hook, when the new version
// serves already. So whatever would stop another ref is found here, before the build.

/**
 * Throws `conflict` when another push that is under way changes a branch or tag of this one and either of them deploys
 * all or nothing. Overlapping deploys wait for each other elsewhere (push-lease.ts).
 */
export function refuseOverlap(push: IncomingPush, others: readonly IncomingPush[]): void {
  for (const other of others) {
    if (other === push || !(push.deploysAllOrNone || other.deploysAllOrNone)) continue;
    const ref = storedRefs(push).find((mine) => storedRefs(other).some((theirs) => collide(mine, theirs)));
    if (ref === undefined) continue;
    throw new PlatformError('conflict', `${shortRef(ref)} is changed by another push that is under way.`, {
      hint: 'Push again when that one has ended.',
    });
  }
}

/** Throws `conflict` when git would not move one of the refs. The deploy branch is checked elsewhere (deploy-ref.ts). */
export async function checkAllMove(
  repository: Repository,
  updates: readonly RefUpdate[],
  signal: AbortSignal,
): Promise<void> {
  const command = { name: 'for-each-ref', options: ['--format=%(objectname) %(refname)'] };
  const listed = (await repository.read(command, { maxBytes: 64 * 1024 * 1024, signal })).toString();
  const rows = listed.split('\n').filter((row) => row !== '');
  const now = new Map(rows.map((row) => [row.slice(row.indexOf(' ') + 1), row.slice(0, row.indexOf(' '))]));
  for (const { ref, oldId, newId } of updates) {
    if (deployRefs.has(ref)) continue;
    if ((now.get(ref) ?? null) !== oldId) {
      throw refused(`${shortRef(ref)} was changed by another push while this one was on its way`);
    }
    const names = [...now.keys(), ...updates.map((update) => update.ref)];
    const beside = newId === null ? undefined : names.find((name) => name !== ref && collide(name, ref));
    if (beside !== undefined) throw refused(`${shortRef(ref)} cannot exist beside ${shortRef(beside)}`);
  }
}

function refused(why: string): PlatformError {
  return new PlatformError('conflict', `${why}, and with --atomic nothing of this push is taken then.`, {
    hint: 'Push the branch to be deployed alone: git push paas main',
  });
}

function storedRefs({ updates }: IncomingPush): readonly string[] {
  return updates.map(({ ref }) => ref).filter((ref) => !deployRefs.has(ref));
}

/** A ref is a file, so one name cannot be a folder of the other. */
function collide(a: string, b: string): boolean {
  return a === b || a.startsWith(`${b}/`) || b.startsWith(`${a}/`);
}
