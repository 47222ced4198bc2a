import { createGitReceive, type GitReceive } from '../../src/git-receive/git-receive.ts';
import { createLocalLeases } from '../../src/system/local-leases.ts';
import { silentLogger } from '../../src/system/logger.ts';
import { startApi } from '../support/api.ts';

/** The API and git, as they come in at one port, in a process of their own. */
export interface DoorsReady {
  readonly port: number;
  readonly memberToken: string;
  readonly attackerToken: string;
  readonly memberApp: string;
  readonly attackerApp: string;
}

let git: GitReceive | null = null;
const fixture = await startApi({
  gitReceive: {
    isGitRequest: (request) => git?.isGitRequest(request) ?? false,
    handle: (request, response) => git?.handle(request, response),
  },
});
git = createGitReceive({
  settings: fixture.settings,
  store: fixture.store,
  operations: { deployPush: () => Promise.reject(new Error('Nothing is pushed here.')) },
  leases: createLocalLeases(),
  identify: (request, response) => fixture.entrance.identify(request, response, 'connection'),
  mayPush: (actor, app) => app.ownerId === actor.accountId,
  logger: silentLogger,
});
await git.listenHooks();
const memberApp = 'member';
const attackerApp = 'attacker';
for (const [name, { actor }] of [
  [memberApp, fixture.owner],
  [attackerApp, fixture.stranger],
] as const) {
  const app = await fixture.operations.createApp(name, actor);
  await git.createRepository(app.id);
}
process.on('disconnect', () => {
  const closing = async () => {
    await git?.close();
    await fixture[Symbol.asyncDispose]();
  };
  closing().then(
    () => process.exit(0),
    () => process.exit(1),
  );
});
const { port, owner, stranger } = fixture;
process.send?.({
  ...{ port, memberApp, attackerApp },
  ...{ memberToken: owner.token, attackerToken: stranger.token },
} satisfies DoorsReady);
