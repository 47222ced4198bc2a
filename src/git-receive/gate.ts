import { PlatformError } from '../domain/errors.ts';
import { deployRefs } from '../domain/push.ts';
import { isWellFormedRef, type RefUpdate, shortRef } from './ref-update.ts';

/** What an allowed push changes. */
export interface Admission {
  /** The update that deploys; null for a push of other branches and tags only. */
  readonly deploy: DeployUpdate | null;
  /** Short names of branches that are stored and not built. */
  readonly skipped: readonly string[];
  /** Names of tags that are stored. */
  readonly tags: readonly string[];
}

export type DeployUpdate = RefUpdate & { readonly newId: string };

/**
 * Which of a push's ref updates deploys, if any. Refuses what would make git refuse the deploy branch after the hook,
 * when the new version serves already. Pure. Throws `invalid_params`, with the command to type instead.
 */
export function admit(
  { updates, isWhole }: { readonly updates: readonly RefUpdate[]; readonly isWhole: boolean },
  refsPerPush: number,
): Admission {
  if (updates.length > refsPerPush || !isWhole) {
    const count = isWhole ? updates.length : `more than ${updates.length}`;
    throw new PlatformError('invalid_params', `This push changes ${count} refs, and ${refsPerPush} is the limit.`, {
      hint: 'Push fewer at a time, for example: git push paas main',
    });
  }
  for (const update of updates) checkRef(update);
  const deploys = updates.filter(isDeploy);
  if (deploys.length > 1) {
    const names = deploys.map(({ ref }) => shortRef(ref)).join(' and ');
    throw new PlatformError('invalid_params', `This push holds ${names}, and each of them would be deployed.`, {
      hint: 'Push one of them, for example: git push paas main',
    });
  }
  return {
    deploy: deploys[0] ?? null,
    skipped: updates
      .filter(({ ref, newId }) => newId !== null && ref.startsWith('refs/heads/') && !deployRefs.has(ref))
      .map(({ ref }) => shortRef(ref)),
    tags: updates
      .filter(({ ref, newId }) => newId !== null && ref.startsWith('refs/tags/'))
      .map(({ ref }) => ref.slice('refs/tags/'.length)),
  };
}

function isDeploy(update: RefUpdate): update is DeployUpdate {
  return update.newId !== null && deployRefs.has(update.ref);
}

function checkRef({ ref, newId }: RefUpdate): void {
  if (!/^refs\/(?:heads|tags)\/./.test(ref)) {
    throw new PlatformError('invalid_params', `${ref} is neither a branch nor a tag. Nothing else is stored here.`, {
      hint: 'Push by name instead of --mirror, for example: git push paas main',
    });
  }
  if (!isWellFormedRef(ref)) throw new PlatformError('invalid_params', `${ref} is not a name that git allows.`);
  if (newId === null && deployRefs.has(ref)) {
    throw new PlatformError(
      'invalid_params',
      `${shortRef(ref)} is the branch that is deployed, so it cannot be deleted.`,
      {
        hint: 'To remove the app with all it has: paas destroy',
      },
    );
  }
  // A ref is a file: with a folder of the same name git could not move the deploy branch.
  const above = [...deployRefs].find((deployRef) => ref.startsWith(`${deployRef}/`));
  if (above && newId !== null) {
    throw new PlatformError('invalid_params', `A branch ${shortRef(ref)} cannot exist beside ${shortRef(above)}.`, {
      hint: 'Give it a name that does not begin with that of a deploy branch.',
    });
  }
}
