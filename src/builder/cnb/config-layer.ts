import { stringify } from 'smol-toml';
import type { LayerFile } from '../../domain/images.ts';
import { initPath } from '../init/init.ts';
import { LayerWriter, root } from '../layer-tar.ts';
import type { AccountTexts } from './account-files.ts';
import type { LaunchPlan, StartableProcess } from './launch-plan.ts';
import { launcherPath, launcherScript } from './launcher.ts';
import type { RecordedBuildpack } from './record.ts';

const initTree = initPath.slice(1);
const launcherTree = launcherPath.slice(1);
const processTree = 'cnb/process';
const metadataPath = 'layers/config/metadata.toml';

/**
 * The last layer: the names of users, the init, the launcher, one link to it per process type, and the build's metadata (platform spec, "exporter").
 */
export async function configLayer(
  path: string,
  {
    launch,
    group,
    init,
    accounts,
  }: {
    readonly launch: LaunchPlan;
    readonly group: readonly RecordedBuildpack[];
    readonly init: Buffer;
    readonly accounts: AccountTexts;
  },
): Promise<LayerFile> {
  const paths = [initTree, 'cnb', 'layers/config', ...Object.keys(accounts).map((name) => `etc/${name}`)];
  const writer = new LayerWriter(path, { paths, owner: root, maxBytes: 64 * 1024 * 1024 });
  try {
    for (const [name, text] of Object.entries(accounts)) {
      await file(writer, `etc/${name}`, { content: Buffer.from(text), mode: 0o644 });
    }
    await file(writer, initTree, { content: init, mode: 0o755 });
    await file(writer, launcherTree, { content: Buffer.from(launcherScript(launch)), mode: 0o755 });
    for (const type of launch.processes.map((process) => process.type).sort()) {
      await writer.add({
        path: `${processTree}/${type}`,
        type: 'symlink',
        mode: 0o777,
        sizeBytes: 0,
        linkTarget: launcherPath,
      });
    }
    await file(writer, metadataPath, { content: Buffer.from(metadata(launch, group)), mode: 0o644 });
    return await writer.finish();
  } catch (error) {
    await writer.abandon();
    throw error;
  }
}

/** The image's entrypoint: the default process type, or without one the launcher, which then prints the process types. */
export function entrypointOf(launch: LaunchPlan): string {
  return launch.defaultType === null ? launcherPath : `/${processTree}/${launch.defaultType}`;
}

function metadata(launch: LaunchPlan, group: readonly RecordedBuildpack[]): string {
  const processes = [...launch.processes].sort((a, b) => (a.type < b.type ? -1 : 1)).map(processEntry);
  return stringify({
    ...(launch.defaultType === null ? {} : { 'buildpack-default-process-type': launch.defaultType }),
    buildpacks: group.map(({ id, version }) => ({ id, version })),
    processes,
  });
}

function processEntry(process: StartableProcess): Record<string, string | readonly string[]> {
  if (process.kind === 'shell') return { type: process.type, command: ['bash', '-c', process.command] };
  return {
    type: process.type,
    command: process.command,
    args: process.args,
    ...(process.workingDir === null ? {} : { 'working-dir': process.workingDir }),
  };
}

async function file(
  writer: LayerWriter,
  path: string,
  { content, mode }: { readonly content: Buffer; readonly mode: number },
): Promise<void> {
  await writer.add({ path, type: 'file', mode, sizeBytes: content.length, linkTarget: null }, content);
}
