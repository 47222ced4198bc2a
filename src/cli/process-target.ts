import type { AppFlags } from './command.ts';
import { usageError } from './errors.ts';

export interface TargetFlags extends AppFlags {
  readonly dyno?: string;
  readonly processType?: string;
}

export type Target =
  | { readonly kind: 'all' }
  | { readonly kind: 'type'; readonly type: string }
  | { readonly kind: 'one'; readonly name: string };

/** What `web.1`, `web`, `--dyno web.1` and `--process-type web` mean. Nothing said: all. */
export function parseTarget(word: string | undefined, flags: TargetFlags): Target {
  const said = [word, flags.dyno, flags.processType].filter((value) => value !== undefined);
  if (said.length > 1) throw usageError(`One of ${said.join(' and ')} only.`);
  if (flags.processType !== undefined) return { kind: 'type', type: flags.processType };
  const name = flags.dyno ?? word;
  if (name === undefined) return { kind: 'all' };
  return name.includes('.') ? { kind: 'one', name } : { kind: 'type', type: name };
}
