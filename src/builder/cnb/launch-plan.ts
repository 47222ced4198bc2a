import type { EnvChange } from './env-files.ts';

/** All that an image's launcher is made from. Plain data, because the record keeps it as JSON. */
export interface LaunchPlan {
  /** In the order of the group, and alphabetically within a buildpack. */
  readonly layers: readonly LaunchLayer[];
  readonly processes: readonly StartableProcess[];
  readonly defaultType: string | null;
}

/** What one layer changes for processes (platform spec, "launcher"). Paths are absolute. */
export interface LaunchLayer {
  readonly buildpackId: string;
  readonly path: string;
  readonly hasBin: boolean;
  readonly hasLib: boolean;
  /** By process type. Changes under '' apply to every type. */
  readonly env: Readonly<Record<string, readonly EnvChange[]>>;
  readonly execD: Readonly<Record<string, readonly string[]>>;
  readonly profileD: Readonly<Record<string, readonly string[]>>;
}

/** `shell`: a line for bash, as in a Procfile. `direct`: argv, as in launch.toml. */
export type StartableProcess = {
  readonly type: string;
  /** Default: SIGTERM. */
  readonly stopSignal?: string;
} & (
  | { readonly kind: 'shell'; readonly command: string }
  | {
      readonly kind: 'direct';
      readonly command: readonly string[];
      readonly args: readonly string[];
      readonly workingDir: string | null;
    }
);

/** The command line as it is shown to people. */
export function commandLine(process: StartableProcess): string {
  if (process.kind === 'shell') return process.command;
  const [program, flag, script, ...more] = [...process.command, ...process.args];
  if (program === 'bash' && flag === '-c' && script !== undefined && more.length === 0) return script;
  return [...process.command, ...process.args].map(displayed).join(' ');
}

function displayed(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
