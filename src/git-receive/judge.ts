import { errorCode, PlatformError } from '../domain/errors.ts';
import { eventOf } from '../domain/event.ts';
import { type Leases, waitingLine } from '../domain/leases.ts';
import type { Operations } from '../domain/operations.ts';
import { type Push, purposeOf } from '../domain/push.ts';
import type { Store } from '../domain/store.ts';
import type { Logger } from '../system/logger.ts';
import { checkAllMove, refuseOverlap } from './all-or-none.ts';
import { checkFollows, confirmMoved, handOver, readRef } from './deploy-ref.ts';
import { type Admission, admit, type DeployUpdate } from './gate.ts';
import type { HookConnection } from './hook-socket.ts';
import type { IncomingPush } from './incoming-push.ts';
import type { GitLimits } from './limits.ts';
import type { PushHead } from './push-head.ts';
import { holdSourceLease } from './push-lease.ts';
import { PusherOutput, refusalText } from './pusher-output.ts';
import type { Repository } from './repository.ts';
import { assertNoAlternates, bytesOnDisk } from './repository-files.ts';
import { mebibytes } from './source-listing.ts';
import { openSourceTree, sourceWarnings } from './source-tree.ts';

export interface JudgeDeps {
  readonly store: Pick<Store, 'transaction'>;
  readonly operations: Pick<Operations, 'deployPush'>;
  readonly leases: Leases;
  /** Every push to the app that is under way. */
  readonly pushesTo: (appId: string) => readonly IncomingPush[];
  readonly limits: GitLimits;
  readonly logger: Logger;
}

/**
 * Decides a push between the arrival of its objects and the move of its refs: gate, lease, source, deploy. Returns true
 * to let git move the refs, false to discard the objects. When the client goes away before the new version serves, the
 * push is refused. After that it makes no difference.
 */
export async function judge(push: IncomingPush, hook: HookConnection, deps: JudgeDeps): Promise<boolean> {
  const output = new PusherOutput((line) => hook.print(line));
  const { app, actor, requestId } = push;
  const logger = deps.logger.child({ app: app.name, requestId });
  let deploy: DeployUpdate | null = null;
  try {
    checkOptions(push.head, deps.limits);
    const admission = admit(hook.request, deps.limits.refsPerPush);
    deploy = admission.deploy;
    refuseOverlap(push, deps.pushesTo(app.id));
    const { quarantine } = hook.request;
    const repository = quarantine === '' ? push.repository : push.repository.inQuarantine(quarantine);
    await checkRepository(repository, deps.limits);
    printWhatIsKept(admission, output);
    if (!deploy) return true;
    await deployUpdate({ push, update: deploy, repository, output, deps });
    logger.info('A push was deployed', { commit: deploy.newId });
    return true;
  } catch (error) {
    const reason = refusalText(error, requestId);
    if (errorCode(error) === 'internal') logger.error('A push failed by a defect', { error });
    else logger.info('A push was refused', { code: errorCode(error), reason, clientGone: push.signal.aborted });
    output.refused(error, requestId);
    const [first] = hook.request.updates;
    const data = { ref: deploy?.ref ?? first?.ref ?? '', commit: deploy?.newId ?? first?.newId ?? '', reason };
    await deps.store
      .transaction((tables) => tables.events.append(eventOf('push.refused', actor, { appId: app.id, data })))
      .catch((error: unknown) => logger.error('The refusal of a push could not be recorded', { error }));
    return false;
  }
}

/** Prints that a branch or tag is stored and not built, and how to deploy it. A tag beside a branch needs no line. */
function printWhatIsKept({ deploy, skipped: [branch], tags: [tag] }: Admission, output: PusherOutput): void {
  if (branch !== undefined) {
    output.line('Pushed to non-main branch, skipping build.');
    if (!deploy) output.line(`To deploy it: git push paas ${branch}:main`);
  } else if (tag !== undefined && !deploy) {
    output.line('Pushed a tag, skipping build.');
    // A branch cannot point to an annotated tag, only to its commit.
    output.line(`To deploy it: git push paas '${tag}^{}:refs/heads/main'`);
  }
}

async function deployUpdate({
  push,
  update,
  repository,
  output,
  deps,
}: {
  readonly push: IncomingPush;
  readonly update: DeployUpdate;
  readonly repository: Repository;
  readonly output: PusherOutput;
  readonly deps: JudgeDeps;
}): Promise<void> {
  const { signal } = push;
  await holdSourceLease(push, {
    leases: deps.leases,
    purpose: purposeOf({ newCommit: update.newId }),
    onWait: (wait) => output.line(waitingLine('build', wait)),
  });
  const now = await readRef(repository, update.ref, signal);
  if (now !== update.oldId) await checkFollows(repository, update, { now, signal });
  if (push.deploysAllOrNone) await checkAllMove(repository, push.updates, signal);
  output.line('Building source:');
  output.line('');
  const source = await openSourceTree(repository, update.newId, { limits: deps.limits, signal });
  for (const warning of await sourceWarnings(source)) output.warn(warning);
  const stored = await storePush(push, update, deps);
  await deps.operations.deployPush({ push: stored, source, actor: push.actor }, output, signal);
  // The new version serves. From here on no error may refuse this push.
  push.atEnd(() => confirmMoved(push.repository, update, { now, logger: deps.logger }));
  await handOver(push.repository, update, now).catch((error: unknown) => {
    deps.logger.error('A deploy branch could not be handed over to git', { error, repository: repository.id });
  });
}

/** Throws `invalid_params` for more push options than the limit. Those within it are ignored. */
function checkOptions({ optionCount, optionBytes }: PushHead, limits: GitLimits): void {
  if (optionCount > limits.pushOptions) {
    const text = `This push has ${optionCount} push options, and ${limits.pushOptions} is the limit.`;
    throw new PlatformError('invalid_params', text, { hint: 'They are ignored here: push without -o.' });
  }
  if (optionBytes > limits.pushOptionBytes) {
    const text = `The push options have ${optionBytes} bytes together, and ${limits.pushOptionBytes} is the limit.`;
    throw new PlatformError('invalid_params', text, { hint: 'They are ignored here: push without -o.' });
  }
}

/** Throws for a repository that borrows objects, or that is over its limit. */
async function checkRepository(repository: Repository, limits: GitLimits): Promise<void> {
  await assertNoAlternates(repository.path);
  const bytes = await bytesOnDisk(repository.path);
  if (bytes > limits.repositoryBytes) {
    throw new PlatformError(
      'too_large',
      `With this push the repository would take ${mebibytes(bytes)}, and ${mebibytes(limits.repositoryBytes)} is the limit.`,
      {
        hint: 'Take large files out of the history (git filter-repo) and push that with --force: objects that no branch holds any more are removed within two days. Or push a short history to a new app.',
      },
    );
  }
}

function storePush(push: IncomingPush, update: DeployUpdate, { store }: JudgeDeps): Promise<Push> {
  const { app, actor } = push;
  return store.transaction(async (tables) => {
    const data = { ref: update.ref, commit: update.newId };
    await tables.events.append(eventOf('push.received', actor, { appId: app.id, data }));
    return await tables.pushes.create({
      appId: app.id,
      ref: update.ref,
      oldCommit: update.oldId,
      newCommit: update.newId,
      accountId: actor.accountId,
    });
  });
}
