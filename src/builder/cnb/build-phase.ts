import { pack } from 'tar-stream';
import { PlatformError } from '../../domain/errors.ts';
import { buildpackPlan, type PlanEntry, type Resolution, withoutMet } from './build-plan.ts';
import type { Buildpack } from './buildpack.ts';
import { applied, type EnvChange, envChanges, searchPath } from './env-files.ts';
import { type LayersOnDisk, layersFolder, readFolders, readLayersFolder } from './layers-on-disk.ts';
import { buildpackEnv, type PhaseInputs } from './phase.ts';
import { buildpackDir, platformDir } from './platform-files.ts';
import { type LayerMetadata, parseLayer, parseUnmet } from './toml-files.ts';

const planDir = '/workspace';
const planFile = 'buildpack-plan.toml';

/** The result of one buildpack's build. */
export interface BuiltByBuildpack {
  readonly buildpack: Buildpack;
  readonly disk: LayersOnDisk;
  readonly layers: ReadonlyMap<string, LayerMetadata>;
}

/** The build of a user's code failed. */
export class BuildpackFailed extends PlatformError {
  constructor(
    buildpack: Buildpack,
    reason: string,
    options: {
      readonly hint?: string | undefined;
      /** The build's own output holds the reason already. */
      readonly printed: boolean;
    },
  ) {
    const { hint, printed } = options;
    super('build_failed', `Failed to compile ${buildpack.name} app: ${reason}`, {
      ...(hint === undefined ? {} : { hint }),
      ...(printed ? { inShort: `failed to compile ${buildpack.name} app` } : {}),
    });
    this.name = 'BuildpackFailed';
  }
}

/** The reason is the build's last block of warnings, or `otherwise` when it printed none. */
export function buildpackFailed(
  buildpack: Buildpack,
  lastWords: readonly string[],
  otherwise: string,
): BuildpackFailed {
  const [reason, ...hints] = lastWords;
  return new BuildpackFailed(buildpack, reason ?? otherwise, {
    hint: hints.join(' ') || undefined,
    printed: reason !== undefined,
  });
}

/**
 * Runs the build of every buildpack of the group, in the group's order. Each gets the environment that the layers of the
 * earlier ones set for builds. Throws `build_failed`. Source: Buildpack API, "Phase #3: Build"; contracts/buildpacks.md 1B.
 */
export async function buildGroup(
  { group, entries }: Resolution,
  inputs: PhaseInputs,
  lastWarnings: () => readonly string[],
): Promise<readonly BuiltByBuildpack[]> {
  const built: BuiltByBuildpack[] = [];
  let plan: readonly PlanEntry[] = entries;
  let offered: readonly EnvChange[] = [];
  for (const { buildpack } of group) {
    await runBuild(buildpack, { plan, offered, inputs, lastWarnings });
    const result = await readResult(buildpack, inputs);
    const unmet = result.disk.files.get('build.toml');
    plan = withoutMet(plan, {
      id: buildpack.id,
      unmet: unmet === undefined ? [] : parseUnmet(unmet, `${buildpack.id}/build.toml`),
    });
    offered = [...offered, ...(await buildChanges(result, inputs))];
    built.push(result);
  }
  return built;
}

async function runBuild(
  buildpack: Buildpack,
  context: {
    readonly plan: readonly PlanEntry[];
    readonly offered: readonly EnvChange[];
    readonly inputs: PhaseInputs;
    readonly lastWarnings: () => readonly string[];
  },
): Promise<void> {
  const { jail } = context.inputs;
  const layers = layersFolder(buildpack.id);
  const plan = `${planDir}/${planFile}`;
  await jail.put(planDir, oneFile(planFile, buildpackPlan(context.plan, buildpack.id)));
  const env = applied(buildpackEnv(buildpack, context.inputs), context.offered);
  const { status, outOfMemory } = await jail.run({
    argv: [`${buildpackDir(buildpack)}/bin/build`, layers, platformDir, plan],
    env: { ...env, CNB_LAYERS_DIR: layers, CNB_BP_PLAN_PATH: plan },
    cwd: '/app',
  });
  if (status === 0) return;
  if (outOfMemory) {
    throw new BuildpackFailed(buildpack, 'the build ran out of memory, and some of its processes were killed.', {
      hint: 'A build has 2048 MB. Make it smaller, or build elsewhere and push the result.',
      printed: false,
    });
  }
  throw buildpackFailed(buildpack, context.lastWarnings(), `its build ended with ${status}.`);
}

async function readResult(buildpack: Buildpack, { jail }: PhaseInputs): Promise<BuiltByBuildpack> {
  const disk = await readLayersFolder(jail, buildpack.id);
  const layers = new Map(
    disk.layers.map((name) => {
      const file = `${name}.toml`;
      return [name, parseLayer(disk.files.get(file) ?? '', `${buildpack.id}/${file}`)];
    }),
  );
  return { buildpack, disk, layers };
}

/** What the layers set for later builds: root folders and env files, layer by layer (the launcher has another order). */
async function buildChanges(
  { buildpack, disk, layers }: BuiltByBuildpack,
  { jail }: PhaseInputs,
): Promise<readonly EnvChange[]> {
  const root = layersFolder(buildpack.id);
  const names = [...layers].filter(([name, { build }]) => build && disk.folders.has(name)).map(([name]) => name);
  const folders = names.flatMap((name) => [`${root}/${name}/env`, `${root}/${name}/env.build`]);
  const files = await readFolders(jail, folders);
  return names.flatMap((name) => [
    ...rootChanges(`${root}/${name}`, disk.folders.get(name) ?? []),
    ...envChanges(files.get(`${root}/${name}/env`) ?? new Map()),
    ...envChanges(files.get(`${root}/${name}/env.build`) ?? new Map()),
  ]);
}

const rootPaths: readonly (readonly [string, readonly string[]])[] = [
  ['bin', ['PATH']],
  ['lib', ['LD_LIBRARY_PATH', 'LIBRARY_PATH']],
  ['include', ['CPATH']],
  ['pkgconfig', ['PKG_CONFIG_PATH']],
];

function rootChanges(layer: string, names: readonly string[]): readonly EnvChange[] {
  return rootPaths
    .filter(([folder]) => names.includes(folder))
    .flatMap(([folder, variables]) => variables.map((variable) => searchPath(variable, `${layer}/${folder}`)));
}

function oneFile(name: string, text: string): AsyncIterable<Uint8Array> {
  const tar = pack();
  tar.entry({ name }, text);
  tar.finalize();
  return tar as AsyncIterable<Uint8Array>;
}
