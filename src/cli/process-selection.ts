import type { AppFlags } from './command.ts';
import { usageError } from './errors.ts';

export interface SelectionFlags extends AppFlags {
  readonly dyno?: string;
  readonly processType?: string;
}

export type ProcessSelection =
  | { readonly kind: 'all' }
  | { readonly kind: 'type'; readonly type: string }
  | { readonly kind: 'one'; readonly name: string };

/** Parses `web.1`, `web`, `--dyno web.1` or `--process-type web`. Without any of them, all instances are selected. */
export function parseSelection(word: string | undefined, flags: SelectionFlags): ProcessSelection {
  const given = [word, flags.dyno, flags.processType].filter((value) => value !== undefined);
  if (given.length > 1) throw usageError(`Name only one of ${given.join(' and ')}.`);
  if (flags.processType !== undefined) return { kind: 'type', type: flags.processType };
  const name = flags.dyno ?? word;
  if (name === undefined) return { kind: 'all' };
  return name.includes('.') ? { kind: 'one', name } : { kind: 'type', type: name };
}
