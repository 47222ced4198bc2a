import type { Stack } from '../../domain/builder.ts';
import type { ConfigVars } from '../../domain/config-vars.ts';
import type { Jail } from '../jail/jail.ts';
import type { Buildpack } from './buildpack.ts';
import { applied, searchPath } from './env-files.ts';
import { buildpackDir, platformDir } from './platform-files.ts';

/** What every phase of one build works with. */
export interface PhaseInputs {
  readonly jail: Jail;
  readonly stack: Stack;
  readonly architecture: 'amd64' | 'arm64';
  readonly config: ConfigVars;
  /** Certificates, proxies and mirrors of the host, as variables. */
  readonly trust: Readonly<Record<string, string>>;
}

export const layersDir = '/layers';
const path = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
const searchPaths = ['PATH', 'LD_LIBRARY_PATH', 'LIBRARY_PATH', 'CPATH', 'PKG_CONFIG_PATH'];

/**
 * A buildpack's environment, before what the layers of earlier ones add: nothing of the platform's own, and the config
 * vars unless it asked for none (platform spec; buildpacks/lifecycle, env/build.go).
 * HOME is none of the app's: caches and dotfiles that tools leave there are no part of it.
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
