import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { PlatformError } from '../../../domain/errors.ts';
import { type AppFlags, appOptions, type DefineCommand, examples } from '../../command.ts';
import { changeConfig } from '../../config-change.ts';
import { unreadable, usageError } from '../../errors.ts';
import type { Io } from '../../io.ts';

const define: DefineCommand = (command, session) => {
  appOptions(command)
    .argument('<FILE>', 'a .env file, or the output of paas config --json; - reads standard input')
    .action(async (file: string, flags: AppFlags) => {
      const vars = await parseVars(await readSource(session.io, file), file);
      if (Object.keys(vars).length === 0) throw usageError(`${file} sets no variable.`);
      const all = await changeConfig(session, await session.app(flags), vars);
      const names = Object.keys(vars);
      if (session.json) session.printJson(Object.fromEntries(names.map((name) => [name, all[name] ?? ''])));
      // Names only: such a file usually holds secrets.
      else session.print(names.join('\n'));
    });
  examples(command, [
    ['paas config:import .env --app shop'],
    ['paas config --json --app shop | paas config:import - --app shop-staging', 'copy from app to app'],
  ]);
};

/** Parses JSON or .env text. JSON can hold every value, a .env file cannot. */
async function parseVars(text: string, file: string): Promise<Readonly<Record<string, string>>> {
  if (!text.trimStart().startsWith('{')) {
    // Only the package's parser is used: its loader prints to stderr.
    const { parse } = await import('dotenv');
    return parse(text);
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new PlatformError('invalid_params', `${file} is not valid JSON: ${(cause as Error).message}`, { cause });
  }
  const wrong = Object.entries(value as object).find(([, member]) => typeof member !== 'string');
  if (wrong) throw usageError(`${wrong[0]} in ${file} is not a string.`);
  return value as Record<string, string>;
}

async function readSource(io: Io, file: string): Promise<string> {
  if (file === '-') {
    const chunks: Buffer[] = [];
    for await (const chunk of io.stdin) chunks.push(Buffer.from(chunk));
    return Buffer.concat(chunks).toString('utf8');
  }
  try {
    return await readFile(resolve(io.cwd, file), 'utf8');
  } catch (cause) {
    throw unreadable(file, cause);
  }
}

export default define;
