import { hasMmdebstrap } from '../../builder/stack/debian-tools.ts';
import { findStacks } from '../../builder/stack.ts';
import type { Settings } from '../../config/settings.ts';
import type { Engine } from '../../domain/engine.ts';
import { PlatformError } from '../../domain/errors.ts';
import { canInstallPackages, installPackages } from '../apt.ts';
import { findProgram } from '../host-command.ts';
import type { SetUpStep } from '../set-up.ts';

/** git, which receives the pushes. */
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
 * mmdebstrap, which makes the stacks out of Debian packages. Where it cannot be had the stacks are built on an image of a
 * registry instead, so its absence refuses nothing.
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
