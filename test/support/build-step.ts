import { readFileSync } from 'node:fs';
import type { PlatformBuilder } from '../../src/builder/build.ts';
import type { BuilderFixture } from './builder-fixture.ts';
import { scaled } from './deadline.ts';
import { GitSource } from './git-source.ts';
import { RecordedOutput } from './recorded-output.ts';

const programOf = (name: string) => readFileSync(new URL(name, import.meta.url), 'utf8');

/** Their arguments are in their first lines. */
export const stepPrograms = { attacker: programOf('attacking-step.pl'), victim: programOf('victim-step.pl') } as const;

export interface Step {
  readonly output: RecordedOutput;
  /** Resolves with the error of the build, or null. */
  readonly ended: Promise<{ readonly message: string } | null>;
  abort(): void;
}

/** Begins the build of a Dockerfile whose only step is this Perl program, as root. */
export async function beginStep(
  fixture: BuilderFixture,
  {
    program,
    args,
    builder = fixture.builder,
  }: {
    readonly program: string;
    readonly args: readonly (string | number)[];
    readonly builder?: PlatformBuilder;
  },
): Promise<Step> {
  const source = await GitSource.create();
  const step = JSON.stringify(['perl', '/program.pl', ...args.map(String)]);
  // A new value, because the engine's cache outlives a run of the tests.
  const Dockerfile = `FROM paas/run\nUSER root\nENV AT=${Date.now()}\nCOPY program.pl /\nRUN ${step}\nUSER 10001\nCMD ["true"]\n`;
  const tree = await source.commit({ Dockerfile, 'program.pl': program });
  const output = new RecordedOutput();
  const aborted = new AbortController();
  const signal = AbortSignal.any([aborted.signal, AbortSignal.timeout(scaled(90_000))]);
  const ended = fixture
    .build(await fixture.newApp(), tree, { output, signal, builder })
    .then(
      () => null,
      (error: { readonly message: string }) => error,
    )
    .finally(() => source[Symbol.asyncDispose]());
  return { output, ended, abort: () => aborted.abort() };
}

/** The groups of the last match in what a step has written. */
export function said({ output }: Step, pattern: RegExp): readonly (string | undefined)[] {
  return [...output.text.matchAll(pattern)].at(-1)?.slice(1) ?? [];
}
