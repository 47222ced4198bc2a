import { hasMmdebstrap } from '../../builder/stack/debian-tools.ts';
import { findStacks } from '../../builder/stack.ts';
import type { Settings } from '../../config/settings.ts';
import type { Engine } from '../../domain/engine.ts';
import { PlatformError } from '../../domain/errors.ts';
import { canInstallPackages, installPackages } from '../apt.ts';
import { findProgram } from '../host-command.ts';
import type { SetUpStep } from '../set-up.ts';

/** Installs git, which receives the pushes. */
export function gitStep(): SetUpStep {
  return {
    async needed() {
      if (findProgram('git')) return null;
      if (!canInstallPackages()) {
        throw new PlatformError('unavailable', 'There is no git on this host.', {
          hint: 'Install git (2.39 or newer) with the package manager of this system, then run npm start again.',
        });
      }
      return 'Installing git: it receives the pushes';
    },
    perform: (progress, signal) => installPackages(['git'], progress, signal),
  };
}

/**
 * Installs mmdebstrap, which makes the stacks from Debian packages. Where it cannot be installed, the stacks are built
 * on an image of a registry instead. So this step never refuses.
 */
export function stackToolsStep(engine: Engine, settings: Settings): SetUpStep {
  return {
    async needed() {
      if ((await findStacks(engine, settings)) || hasMmdebstrap() || !canInstallPackages()) return null;
      return 'Installing mmdebstrap: it makes the stack images from Debian packages';
    },
    perform: (progress, signal) => installPackages(['mmdebstrap', 'debian-archive-keyring'], progress, signal),
  };
}
