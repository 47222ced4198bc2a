import { randomInt } from 'node:crypto';
import type { Actor } from '../domain/actor.ts';
import type { App } from '../domain/app.ts';
import { checkConfigVars } from '../domain/config-vars.ts';
import { PlatformError } from '../domain/errors.ts';
import { eventOf, instanceFacts } from '../domain/event.ts';
import type { Instance } from '../domain/instance.ts';
import { checkSize, defaultInstanceSize } from '../domain/instance-size.ts';
import { maxOneOffMs } from '../domain/one-off.ts';
import type { RunRequest, RunSession } from '../domain/operations.ts';
import type { StoreTables } from '../domain/store.ts';
import { placeInstances, retire } from '../provisioner/placing.ts';
import { withoutDelay } from '../provisioner/plan.ts';
import { oneOffArgv } from '../supervisor/container-spec.ts';
import type { Terminals } from '../supervisor/terminals.ts';
import { type ByActor, currentRelease, type DeployDeps } from './releases.ts';

interface OneOffDeps extends DeployDeps {
  readonly terminals: Terminals;
}

const maxCommandLength = 10_000;

/** Places `run.NNNN` of the current release; the supervisor starts it like any other instance. */
export async function run(
  app: App,
  request: RunRequest,
  { actor, deps: { store, terminals } }: ByActor<OneOffDeps>,
): Promise<Instance> {
  if (request.command.trim() === '' || request.command.length > maxCommandLength || request.command.includes('\0')) {
    throw new PlatformError('invalid_params', `A command has 1 to ${maxCommandLength} characters.`, {
      hint: 'For example: paas run bash',
    });
  }
  checkConfigVars(request.env);
  const { lifeMs = maxOneOffMs } = request;
  if (!Number.isInteger(lifeMs) || lifeMs < 1 || lifeMs > maxOneOffMs) {
    throw new PlatformError('invalid_params', `A one-off runs for 1 ms to ${maxOneOffMs / 1000} s, not ${lifeMs} ms.`);
  }
  let placedId: string | null = null;
  try {
    return await store.transaction(async (tables) => {
      const placed = await placeOneOff(app, { request, actor, tables });
      placedId = placed.id;
      // Before the commit, because the supervisor may start it from then on.
      if (request.attach) terminals.expect(placed.id);
      const { attach, tty, env, columns = null, rows = null } = request;
      await tables.oneOffs.create({ instanceId: placed.id, appId: app.id, attach, tty, env, columns, rows, lifeMs });
      return placed;
    });
  } catch (error) {
    if (placedId) terminals.ended(placedId, 126, null);
    throw error;
  }
}

async function placeOneOff(
  app: App,
  { request, actor, tables }: { readonly request: RunRequest; readonly actor: Actor; readonly tables: StoreTables },
): Promise<Instance> {
  const release = await currentRelease(app, tables);
  const artifact = release?.artifactId ? await tables.artifacts.find(release.artifactId) : null;
  if (!release || !artifact) {
    throw new PlatformError('conflict', `${app.name} has nothing to run yet.`, {
      hint: 'Deploy first: git push paas main',
    });
  }
  const size = request.size ?? defaultInstanceSize;
  checkSize(size);
  const command = oneOffArgv(request, artifact);
  const slot = await freeSlot(app, tables);
  const [instance] = await placeInstances(tables, { app, release }, [
    { ...withoutDelay({ type: 'run', slot, size }), command },
  ]);
  if (!instance) throw new PlatformError('internal', 'A one-off was placed and cannot be found.');
  const data = { ...instanceFacts(instance, release.version), command: request.command };
  await tables.events.append(eventOf('run.started', actor, { appId: app.id, data }));
  return instance;
}

/** Connects a terminal to a one-off. When the signal aborts, because the terminal is gone, the one-off is asked to stop. */
export async function attachRun(
  app: App,
  instanceId: string,
  { signal, deps }: { readonly signal: AbortSignal; readonly deps: OneOffDeps },
): Promise<RunSession> {
  const { store, logger, environment, terminals } = deps;
  const instance = await store.instances.find(instanceId);
  if (!instance || instance.appId !== app.id) throw new PlatformError('not_found', `${app.name} runs no such one-off.`);
  const hangUp = () => {
    store
      .transaction((tables) => retire(tables, [instance], 'cancelled'))
      .catch((error: unknown) => logger.warn('a one-off could not be stopped', { error }));
  };
  signal.addEventListener('abort', hangUp, { once: true });
  if (signal.aborted) hangUp();
  const over = () => signal.removeEventListener('abort', hangUp);
  try {
    const session = await terminals.attach(instance.id, (containerId, size) =>
      environment.engines.on(instance.hostId).containers.resize(containerId, size),
    );
    session.exited.then(over, over);
    return session;
  } catch (error) {
    over();
    throw error;
  }
}

async function freeSlot(app: App, tables: StoreTables): Promise<number> {
  const taken = new Set((await tables.instances.listActive(app.id)).map(({ slot }) => slot));
  for (;;) {
    const slot = randomInt(1000, 10_000);
    if (!taken.has(slot)) return slot;
  }
}
