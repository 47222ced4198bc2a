import type { Stack } from '../../domain/builder.ts';
import type { ConfigVars } from '../../domain/config-vars.ts';
import type { Jail } from '../jail/jail.ts';
import type { Buildpack } from './buildpack.ts';
import { applied, searchPath } from './env-files.ts';
import { buildpackDir, platformDir } from './platform-files.ts';

/** The inputs of every phase of one build. */
export interface PhaseInputs {
  readonly jail: Jail;
  readonly stack: Stack;
  readonly architecture: 'amd64' | 'arm64';
  readonly config: ConfigVars;
  /** Environment variables for the host's certificates, proxies and mirrors. */
  readonly trust: Readonly<Record<string, string>>;
}

export const layersDir = '/layers';
const path = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
const searchPaths = ['PATH', 'LD_LIBRARY_PATH', 'LIBRARY_PATH', 'CPATH', 'PKG_CONFIG_PATH'];

/**
 * A buildpack's environment, without the changes of earlier buildpacks' layers. It holds the config vars unless the
 * buildpack sets clear-env, and nothing of the platform's own environment (platform spec; buildpacks/lifecycle,
 * env/build.go). HOME is not the app's folder, so caches and dotfiles of tools do not get into the app.
 */
export function buildpackEnv(
  buildpack: Buildpack,
  { stack, architecture, config, trust }: PhaseInputs,
): Readonly<Record<string, string>> {
  const base = {
    PATH: path,
    LANG: 'C.UTF-8',
    HOME: '/tmp/home',
    ...trust,
    CNB_STACK_ID: `paas.${stack.name}`,
    CNB_TARGET_OS: 'linux',
    CNB_TARGET_ARCH: architecture,
    CNB_TARGET_DISTRO_NAME: 'debian',
    CNB_PLATFORM_DIR: platformDir,
    CNB_BUILDPACK_DIR: buildpackDir(buildpack),
  };
  if (buildpack.clearEnv) return base;
  const changes = Object.entries(config).map(([name, value]) =>
    searchPaths.includes(name)
      ? searchPath(name, value)
      : ({ name, action: 'override', value, delimiter: '' } as const),
  );
  return applied(base, changes);
}
