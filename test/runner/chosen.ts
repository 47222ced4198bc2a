import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';
import { PlatformError } from '../../src/domain/errors.ts';
import { checkout } from '../support/source-files.ts';
import type { Batch } from './run-tests.ts';
import { filesOf, groups, type Suite, suites } from './suites.ts';

export interface Chosen {
  readonly batches: readonly Batch[];
  readonly suites: readonly Suite[];
  /** Of the suites; none means all. */
  readonly settings: readonly string[];
  readonly needsEngine: boolean;
  /** Also the suites whose folders changed since the previous landing. */
  readonly withChanged: boolean;
}

/**
 * What the arguments name: groups, suites, settings of a suite, files of a suite by their bare names, files. Throws `invalid_params` for anything else.
 */
export function chosenBy(args: readonly string[]): Chosen {
  const names = args.filter((arg) => arg !== '--changed');
  const chosenSuites = suites.filter(({ name }) => names.includes(name));
  const named = (file: string) => names.includes(basename(file, '.test.ts'));
  const parts = chosenSuites.flatMap(({ files }) => files.filter(named).map((file) => basename(file, '.test.ts')));
  const settings = names.filter((name) => chosenSuites.some((suite) => name in suite.settings));
  const chosenGroups = groups.filter(({ name }) => names.length === 0 || names.includes(name));
  const files = names.filter((name) => name.endsWith('.test.ts') && existsSync(join(checkout, name)));
  const known: readonly string[] = [...groups, ...suites].map(({ name }) => name);
  const unknown = names.filter((name) => ![...known, ...settings, ...parts, ...files].includes(name));
  if (unknown.length > 0) {
    throw new PlatformError('invalid_params', `There is no group, suite or test file ${unknown.join(', ')}.`, {
      hint: `Groups and suites: ${known.join(', ')}.`,
    });
  }
  const grouped = groups.flatMap((group) => {
    const all = filesOf(group);
    const some = chosenGroups.includes(group) ? all : all.filter((file) => files.includes(file));
    return some.length === 0 ? [] : [{ group, files: some }];
  });
  const others = files.filter((file) => !grouped.some((batch) => batch.files.includes(file)));
  return {
    batches: [
      ...grouped.map((batch) => ({ files: batch.files, concurrency: batch.group.concurrency })),
      ...(others.length > 0 ? [{ files: others, concurrency: 1 }] : []),
    ],
    suites: chosenSuites.map((suite) =>
      suite.files.some(named) ? { ...suite, files: suite.files.filter(named) } : suite,
    ),
    settings,
    needsEngine: chosenSuites.length + others.length > 0 || grouped.some(({ group }) => group.needsEngine),
    withChanged: args.includes('--changed'),
  };
}
