import { lstatSync, readlinkSync, symlinkSync, unlinkSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Settings } from '../../config.ts';
import { isRoot } from '../apt.ts';
import type { SetUpStep } from '../set-up.ts';

export const commandLink = '/usr/local/bin/paas';
export const commandPath = fileURLToPath(new URL('../../cli/paas.cjs', import.meta.url));

/** As root the `paas` command is put into the path; a `paas` of somebody else's is left alone. */
export function commandLinkStep(settings: Settings): SetUpStep {
  return {
    async needed() {
      if (!settings.linkCommand || !isRoot() || !['absent', 'dangling'].includes(linkState())) return null;
      return `Linking the paas command: ${commandLink} (paas platform:uninstall removes it)`;
    },
    async perform() {
      if (linkState() === 'dangling') unlinkSync(commandLink);
      symlinkSync(commandPath, commandLink);
    },
  };
}

/** The line that gives one the short command, for whoever has only `npx paas`. */
export function linkAdvice(): string | null {
  return linkState() === 'ours' ? null : `sudo ln -s ${commandPath} ${commandLink}`;
}

/** Removes the link when it is ours. True when it did. */
export function removeCommandLink(): boolean {
  if (linkState() !== 'ours') return false;
  unlinkSync(commandLink);
  return true;
}

function linkState(): 'absent' | 'dangling' | 'ours' | 'foreign' {
  try {
    if (!lstatSync(commandLink).isSymbolicLink()) return 'foreign';
    if (readlinkSync(commandLink) === commandPath) return 'ours';
  } catch {
    return 'absent';
  }
  try {
    lstatSync(readlinkSync(commandLink));
    return 'foreign';
  } catch {
    // A checkout that was removed without platform:uninstall leaves its link behind.
    return 'dangling';
  }
}
