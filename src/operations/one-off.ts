import { randomInt } from 'node:crypto';
import type { Actor } from '../domain/actor.ts';
import type { App } from '../domain/app.ts';
import { defaultInstanceCloudlets } from '../domain/cloudlet.ts';
import { checkConfigVars } from '../domain/config-vars.ts';
import type { Engine } from '../domain/engine.ts';
import { PlatformError } from '../domain/errors.ts';
import { eventOf } from '../domain/event.ts';
import { type Instance, processName } from '../domain/instance.ts';
import type { RunRequest, RunSession } from '../domain/operations.ts';
import type { OneOffs } from '../supervisor/one-offs.ts';
import { currentRelease, type DeployDependencies } from './releases.ts';

interface Context {
  readonly deps: DeployDependencies;
  readonly oneOffs: OneOffs;
  readonly engine: Engine;
}

const commandLimit = 10_000;

/** Places `run.NNNN` of the current release; the supervisor starts it like any other instance. */
export async function run(app: App, request: RunRequest, actor: Actor, { deps, oneOffs }: Context): Promise<Instance> {
  if (request.command.trim() === '' || request.command.length > commandLimit || request.command.includes('\0')) {
    throw new PlatformError('invalid_params', `A command has 1 to ${commandLimit} characters.`, {
      hint: 'For example: paas run bash',
    });
  }
  checkConfigVars(request.env);
  const release = await currentRelease(deps, app.id);
  if (!release?.artifactId) {
    throw new PlatformError('conflict', `${app.name} has nothing to run yet.`, {
      hint: 'Deploy first: git push paas main',
    });
  }
  const slot = await freeSlot(app, deps);
  const one = { appId: app.id, type: 'run', slot };
  oneOffs.add(one, request);
  try {
    const instance = await deps.provisioner.placeOneShot(app, release, {
      type: 'run',
      slot,
      size: request.size ?? defaultInstanceCloudlets,
    });
    const data = {
      instanceId: instance.id,
      process: processName(instance),
      release: release.version,
      command: request.command,
    };
    await deps.store.events.append(eventOf('run.started', actor, { appId: app.id, data }));
    return instance;
  } catch (error) {
    oneOffs.ended(one, 126);
    throw error;
  }
}

/** The terminal of a one-off. When it goes away, the process is asked to stop. */
export async function attachRun(
  app: App,
  instanceId: string,
  signal: AbortSignal,
  { deps, oneOffs, engine }: Context,
): Promise<RunSession> {
  const instance = await deps.store.instances.find(instanceId);
  if (!instance || instance.appId !== app.id) throw new PlatformError('not_found', `${app.name} runs no such one-off.`);
  const hangUp = () => {
    deps.provisioner
      .retire([instance], 'cancelled')
      .catch((error: unknown) => deps.logger.warn('a one-off could not be stopped', { error }));
  };
  signal.addEventListener('abort', hangUp, { once: true });
  const session = await oneOffs.attach(instance, (containerId, size) => engine.containers.resize(containerId, size));
  session.exited.finally(() => signal.removeEventListener('abort', hangUp)).catch(() => undefined);
  return session;
}

async function freeSlot(app: App, { store }: DeployDependencies): Promise<number> {
  const taken = new Set((await store.instances.listActive(app.id)).map(({ slot }) => slot));
  for (;;) {
    const slot = randomInt(1000, 10_000);
    if (!taken.has(slot)) return slot;
  }
}
