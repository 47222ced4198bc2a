import { globSync } from 'node:fs';
import { newerEngine } from '../engines/settings.ts';
import { checkout } from '../support/source-files.ts';

/** A part of `npm test`. */
export interface Group {
  readonly name: string;
  /** Test files at the same time. Whole platforms and builds share two cores; their deadlines are real. */
  readonly concurrency: number;
  readonly needsEngine: boolean;
}

export const groups: readonly Group[] = [
  { name: 'checks', concurrency: 2, needsEngine: false },
  { name: 'unit', concurrency: 2, needsEngine: false },
  { name: 'contract', concurrency: 2, needsEngine: true },
  { name: 'integration', concurrency: 2, needsEngine: true },
  { name: 'e2e', concurrency: 1, needsEngine: true },
];

export function filesOf(group: Group): readonly string[] {
  return globSync(`test/${group.name}/**/*.test.ts`, { cwd: checkout }).sort();
}

/** Where the files of a suite run: what their processes get in their environment, and how they are begun. */
export interface Setting extends AsyncDisposable {
  readonly env: Readonly<Record<string, string>>;
  begin(program: string, args: readonly string[]): readonly [string, readonly string[]];
}

/** What takes longer than `npm test` has time for: `npm run test:NAME`. Its files run once in each setting. */
export interface Suite {
  readonly name: string;
  readonly files: readonly string[];
  readonly settings: Readonly<Record<string, () => Promise<Setting>>>;
  /** Folders, and beginnings of file names, whose change makes `.ci/run` run it. */
  readonly triggers: readonly string[];
  /** What it takes on two cores. It is not begun where less is left. */
  readonly minutes: number;
}

export const here = async (): Promise<Setting> => ({
  env: {},
  begin: (program, args) => [program, args],
  [Symbol.asyncDispose]: async () => undefined,
});

function seed(number: number): () => Promise<Setting> {
  return async () => ({ ...(await here()), env: { PAAS_CHAOS_SEED: String(number) } });
}

export const suites: readonly Suite[] = [
  {
    name: 'engines',
    files: ['test/contract/docker-engine.test.ts', 'test/engines/one-push.test.ts'],
    settings: {
      installed: here,
      'newer-graph': () => newerEngine('graph'),
      'newer-containerd': () => newerEngine('containerd'),
    },
    triggers: [
      'src/engine/',
      'src/domain/engine.ts',
      'src/domain/containers.ts',
      'src/domain/images.ts',
      'src/domain/networks.ts',
      'src/domain/volumes.ts',
      'src/domain/exec.ts',
      'test/engines/',
      'test/contract/engine',
      'test/contract/docker-engine',
    ],
    minutes: 15,
  },
  {
    name: 'attack',
    files: globSync('test/attack/*.test.ts', { cwd: checkout }).sort(),
    settings: { here },
    triggers: ['src/resolver/', 'src/api/', 'src/git-receive/', 'src/host/step-', 'test/attack/'],
    minutes: 10,
  },
  {
    name: 'chaos',
    files: globSync('test/chaos/*.test.ts', { cwd: checkout }).sort(),
    settings: { 'seed-1': seed(1), 'seed-2': seed(2), 'seed-3': seed(3) },
    triggers: ['src/launcher/', 'src/resolver/', 'src/supervisor/', 'src/orchestrator/', 'test/chaos/'],
    minutes: 20,
  },
];
