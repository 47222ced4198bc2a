import type { App } from '../../domain/app.ts';
import type { ProcessType } from '../../domain/build.ts';
import { assertNever, PlatformError } from '../../domain/errors.ts';
import { oneShotTypes } from '../../domain/formation.ts';
import { type Instance, processName, releaseOf, type Workload } from '../../domain/instance.ts';
import { sizeText } from '../../domain/instance-size.ts';
import type { ListedInstance } from '../../domain/listing.ts';
import type { Store } from '../../domain/store.ts';
import type { Clock } from '../../system/clock.ts';
import type { Contract } from '../contract.ts';
import type { RouteDeps } from '../route-deps.ts';
import type { Answer, Routes } from '../route-types.ts';
import { processesOf, sizeOf } from './formation.ts';

type DynoRoutes = Pick<
  Routes,
  | 'listDynos'
  | 'listDynoMemory'
  | 'infoDyno'
  | 'createDyno'
  | 'restartAllDynos'
  | 'restartDyno'
  | 'restartType'
  | 'stopDyno'
  | 'stopType'
  | 'attachDyno'
>;

type DynoJson = Answer<Contract['infoDyno']>;

/** The client connects at once, and the address works once. */
const attachTtlMs = 60_000;

export function dynoRoutes(deps: RouteDeps): DynoRoutes {
  const { store, operations, settings, attachLinks, memoryUse } = deps;
  const show = async (app: App, instance: DynoInstance) => {
    const { releaseId } = instance.workload;
    const release = await store.releases.find(releaseId);
    const processes = await processesOf(store, releaseId);
    return serializeDyno(app, { instance, version: release?.version ?? 0, processes }, deps);
  };
  return {
    async listDynos({ app, page }) {
      const listed = await store.listings.instances(app.id, page);
      return listed.map((one) => serializeDyno(app, one, deps));
    },
    async listDynoMemory({ app, page }) {
      const instances = (await store.listings.instances(app.id, page)).map(({ instance }) => instance);
      const used = await memoryUse(instances);
      return instances.map((one) => ({ id: one.id, name: processName(one), memory_bytes: used.get(one.id) ?? null }));
    },
    async infoDyno({ app, params }) {
      const wanted = params.dyno;
      const active = (await store.instances.listActive(app.id)).filter(isDyno);
      const instance =
        active.find((candidate) => processName(candidate) === wanted) ?? (await store.instances.find(wanted));
      if (instance?.appId !== app.id || !isDyno(instance)) throw noSuchDyno(app, wanted);
      return show(app, instance);
    },
    async createDyno({ app, actor, body, origin }) {
      const env = body.env ?? {};
      const attach = body.attach ?? false;
      const instance = await operations.run(
        app,
        {
          command: body.command,
          attach,
          tty: attach && !body.force_no_tty,
          env,
          ...(body.size ? { size: sizeOf(body.size, settings) } : {}),
          ...dimension('columns', env.COLUMNS),
          ...dimension('rows', env.LINES),
          ...(body.time_to_live ? { lifeMs: body.time_to_live * 1000 } : {}),
        },
        actor,
      );
      if (!isDyno(instance)) throw new PlatformError('internal', 'A one-off without a release was placed.');
      const shown = { ...(await show(app, instance)), command: body.command };
      if (!attach) return shown;
      const secret = attachLinks.issue({ actor, appId: app.id, instanceId: instance.id }, attachTtlMs);
      return { ...shown, attach_url: `${origin.replace(/^http/, 'ws')}/attach/${secret}` };
    },
    async restartAllDynos({ app, actor }) {
      await operations.restart(app, null, actor);
      return {};
    },
    async restartDyno({ app, actor, params }) {
      await operations.restart(app, await nameOf(store, app, params.dyno), actor);
      return {};
    },
    async restartType({ app, actor, params }) {
      await operations.restart(app, params.type, actor);
      return {};
    },
    async stopDyno({ app, actor, params }) {
      await operations.stop(app, await nameOf(store, app, params.dyno), actor);
      return {};
    },
    async stopType({ app, actor, params }) {
      await operations.stop(app, params.type, actor);
      return {};
    },
    async attachDyno() {
      throw new PlatformError('invalid_params', 'This address is for a WebSocket.', { hint: 'Connect with: paas run' });
    },
  };
}

/** The name for an id. A name is returned as it is; the operation checks whether it exists. */
async function nameOf(store: Store, app: App, nameOrId: string): Promise<string> {
  const instance = nameOrId.includes('-') ? await store.instances.find(nameOrId) : null;
  return instance?.appId === app.id && isDyno(instance) ? processName(instance) : nameOrId;
}

function noSuchDyno(app: App, name: string): PlatformError {
  return new PlatformError('not_found', `${app.name} has no instance ${JSON.stringify(name.slice(0, 64))}.`, {
    hint: `See what runs: paas ps -a ${app.name}`,
  });
}

function dimension(
  name: 'columns' | 'rows',
  text: string | undefined,
): { readonly columns?: number; readonly rows?: number } {
  return /^[1-9]\d{0,2}$/.test(text ?? '') ? { [name]: Number(text) } : {};
}

interface DynoInstance extends Instance {
  readonly workload: Extract<Workload, { kind: 'release' }>;
}

/** A service's instances are not dynos. */
function isDyno(instance: Instance): instance is DynoInstance {
  return instance.workload.kind === 'release';
}

function serializeDyno(app: App, { instance, version, processes }: ListedInstance, { clock }: RouteDeps): DynoJson {
  const updatedAt = instance.endedAt ?? instance.upAt ?? instance.startedAt ?? instance.createdAt;
  return {
    id: instance.id,
    name: processName(instance),
    type: instance.type,
    size: sizeText(instance.size),
    cloudlets: instance.size,
    state: dynoState(instance, clock),
    command: commandLine(instance, processes),
    release: { id: releaseOf(instance) ?? '', version },
    app: { id: app.id, name: app.name },
    attach_url: null,
    created_at: instance.createdAt.toISOString(),
    updated_at: updatedAt.toISOString(),
  };
}

/** Heroku's words. An instance that waits for its next start after a crash is shown as crashed. */
export function dynoState(instance: Instance, clock: Clock): DynoJson['state'] {
  const { state } = instance;
  switch (state) {
    case 'placed': {
      const waits = instance.failures > 0 && instance.notBefore !== null && instance.notBefore > clock.now();
      return waits ? 'crashed' : 'starting';
    }
    case 'starting':
      return 'starting';
    case 'up':
      return 'up';
    case 'draining':
      return 'stopping';
    case 'stopped':
      return oneShotTypes.has(instance.type) ? 'complete' : 'down';
    case 'crashed':
      return oneShotTypes.has(instance.type) ? 'complete' : 'crashed';
    case 'refused':
    case 'lost':
      return 'crashed';
    default:
      return assertNever(state, 'instance state');
  }
}

/** The command line for people. The argv of a one-off is a shell and the line that a person typed. */
function commandLine(instance: Instance, processes: readonly ProcessType[]): string {
  const { command, type } = instance;
  if (command === null) return processes.find((process) => process.type === type)?.command ?? '';
  return command.at(-2)?.startsWith('-') ? (command.at(-1) ?? '') : command.join(' ');
}
