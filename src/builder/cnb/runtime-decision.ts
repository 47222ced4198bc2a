import { createHash } from 'node:crypto';
import type { ConfigVars } from '../../domain/config-vars.ts';
import { matchesAny } from '../glob.ts';
import type { Source } from '../strategy.ts';
import type { RuntimeDecision } from './buildpack.ts';

const maxFileBytes = 1024 * 1024;

/** The files and config vars of an app that decide which runtimes it gets. */
export interface DecisionInputs {
  /** By path. */
  readonly files: ReadonlyMap<string, Buffer>;
  readonly env: Readonly<Record<string, string>>;
}

/** Reads only the files, JSON keys and config vars that `decision` names: no code and no secret of the app. */
export async function decisionInputs(
  decision: RuntimeDecision,
  { files: source }: Source,
  config: ConfigVars,
): Promise<DecisionInputs> {
  const files = new Map<string, Buffer>();
  for (const path of decision.files) {
    const content = await source.read(path, maxFileBytes);
    if (content) files.set(path, content);
  }
  for (const [path, keys] of Object.entries(decision.json)) {
    const content = await source.read(path, maxFileBytes);
    const picked = content ? pick(content.toString(), keys) : null;
    if (picked) files.set(path, Buffer.from(picked));
  }
  const env = Object.fromEntries(Object.entries(config).filter(([name]) => matchesAny(name, decision.env)));
  return { files, env };
}

export function decisionDigest(inputs: DecisionInputs, ...others: readonly string[]): string {
  const files = [...inputs.files].map(([path, content]) => [path, content.toString('base64')]);
  const parts = [files.sort(), Object.entries(inputs.env).sort(), others];
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex');
}

/** Null when the text is no JSON object: the buildpack reports it better when it reads the file. */
function pick(text: string, keys: readonly string[]): string | null {
  try {
    const value = JSON.parse(text.replace(/^\uFEFF/, '')) as unknown;
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return null;
    return JSON.stringify(Object.fromEntries(Object.entries(value).filter(([key]) => keys.includes(key))));
  } catch {
    return null;
  }
}
