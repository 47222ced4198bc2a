import { lstatSync, readlinkSync, symlinkSync, unlinkSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Settings } from '../../config/settings.ts';
import { isRoot } from '../../system/privileges.ts';
import type { SetUpStep } from '../set-up.ts';

export const commandLink = '/usr/local/bin/paas';
export const commandPath = fileURLToPath(new URL('../../cli/paas.cjs', import.meta.url));

/** Links the `paas` command into the PATH when run as root. A foreign `paas` stays. */
export function commandLinkStep(settings: Pick<Settings, 'linkCommand'>, link = commandLink): SetUpStep {
  return {
    async needed() {
      if (!settings.linkCommand || !isRoot() || !['absent', 'dangling'].includes(linkState(link))) return null;
      return `Linking the paas command: ${link} (paas platform:uninstall removes it)`;
    },
    async perform() {
      if (linkState(link) === 'dangling') unlinkSync(link);
      symlinkSync(commandPath, link);
    },
  };
}

/** The command that makes `paas` available everywhere. Null when the link exists. */
export function linkAdvice(): string | null {
  return linkState(commandLink) === 'ours' ? null : `${isRoot() ? '' : 'sudo '}ln -s ${commandPath} ${commandLink}`;
}

/** Removes the link when it is this checkout's. Returns true when it did. */
export function removeCommandLink(link = commandLink): boolean {
  if (linkState(link) !== 'ours') return false;
  unlinkSync(link);
  return true;
}

function linkState(path: string): 'absent' | 'dangling' | 'ours' | 'foreign' {
  try {
    if (!lstatSync(path).isSymbolicLink()) return 'foreign';
    if (readlinkSync(path) === commandPath) return 'ours';
  } catch {
    return 'absent';
  }
  try {
    lstatSync(readlinkSync(path));
    return 'foreign';
  } catch {
    // A checkout that was removed without platform:uninstall leaves its link behind.
    return 'dangling';
  }
}
