import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { PlatformError } from '../../../domain/errors.ts';
import { type AppFlags, appOptions, type DefineCommand, examples } from '../../command.ts';
import { changeConfig } from '../../config-change.ts';
import type { Var } from '../../config-text.ts';
import { decodeText } from '../../decode-text.ts';
import { type BadLine, parseEnvText } from '../../env-text.ts';
import { unreadable, usageError } from '../../errors.ts';
import type { Io } from '../../io.ts';
import type { Session } from '../../session.ts';

const define: DefineCommand = (command, session) => {
  appOptions(command)
    .argument('<FILE>', 'a .env file, or the output of paas config --json; - reads standard input')
    .action(async (file: string, flags: AppFlags) => {
      const vars = await parseVars(session, await readSource(session.io, file), file === '-' ? 'standard input' : file);
      if (Object.keys(vars).length === 0)
        throw usageError(`${file === '-' ? 'Standard input' : file} sets no variable.`);
      const all = await changeConfig(session, await session.app(flags), vars);
      const names = Object.keys(vars);
      if (session.json) session.printJson(Object.fromEntries(names.map((name) => [name, all[name] ?? ''])));
      // Names only: such a file usually holds secrets.
      else session.print(names.join('\n'));
    });
  command.addHelpText('after', grammar);
  examples(command, [
    ['paas config:import .env --app shop'],
    ['paas config --json --app shop | paas config:import - --app shop-staging', 'copy from app to app'],
    ['heroku config --json --app old | paas config:import - --app shop', 'move from Heroku'],
  ]);
};

const grammar = `
Lines of a .env file:
  NAME=value           up to the end of the line, or to a blank and #
  NAME='any $text'     as it stands, also over several lines
  NAME="line\\nline"    \\n, \\r, \\", \\\\, \\$, \\! and \\\` are one character; $ has no effect
  export NAME=value    and NAME: value
  # comment            also after a value, behind a blank
If any line cannot be read, nothing is set.`;

/** Parses JSON or .env text. Throws `invalid_params` with every line that cannot be read. */
async function parseVars(session: Session, bytes: Uint8Array, file: string): Promise<Readonly<Record<string, string>>> {
  const decoded = decodeText(bytes);
  if ('badLines' in decoded) {
    throw badLines(
      file,
      decoded.badLines.map((line) => ({ line, reason: 'is not UTF-8 text.' })),
    );
  }
  const document = parseJson(decoded.text, file);
  if (document) return document;
  const { vars, bad, repeated, unexpanded } = parseEnvText(decoded.text);
  if (bad.length > 0) throw badLines(file, bad);
  for (const { name, lines } of repeated) {
    session.warn(`${name} is set on lines ${lines.join(', ')} of ${file}. The last value counts.`);
  }
  if (unexpanded.length > 0) {
    session.warn(
      `References such as \${NAME} are not expanded: they stay as text in ${unexpanded.join(', ')}. Values that are meant so can be put in single quotes.`,
    );
  }
  await warnOfDotenv(session, decoded.text, vars);
  return Object.fromEntries(vars);
}

/** An app that loads the same file with the dotenv package must not see other values there than here without a word. */
async function warnOfDotenv(session: Session, text: string, vars: readonly Var[]): Promise<void> {
  // Only the package's parser is used: its loader prints to stderr.
  const { parse } = await import('dotenv');
  const theirs = parse(text);
  const other = vars.filter(([name, value]) => theirs[name] !== value).map(([name]) => name);
  if (other.length === 0) return;
  const values = other.length === 1 ? 'another value' : 'other values';
  session.warn(
    `The package dotenv reads ${values} of ${other.join(', ')} from this file. With single quotes both read the same.`,
  );
}

const shownLines = 20;

function badLines(file: string, bad: readonly BadLine[]): PlatformError {
  const count = bad.length === 1 ? 'One line' : `${bad.length} lines`;
  const list = bad.slice(0, shownLines).map(({ line, reason }) => `Line ${line} ${reason}`);
  if (bad.length > shownLines) list.push(`And ${bad.length - shownLines} more.`);
  return usageError(
    `${count} of ${file} cannot be read, so nothing was set.\n${list.join('\n')}`,
    'See what a line may be: paas help config:import',
  );
}

/** The vars of a JSON document. Null for a text that is none. */
function parseJson(text: string, file: string): Readonly<Record<string, string>> | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    if (!text.trimStart().startsWith('{')) return null;
    // The reason ends with a piece of the text, which may be a secret.
    const reason = (error as Error).message.replace(/, (?:\.{3})?".*$/s, '');
    throw usageError(`${file} is not valid JSON, so nothing was set: ${reason}.`, jsonHint);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw usageError(`${file} is JSON, but not an object of names and values.`, jsonHint);
  }
  const wrong = Object.entries(value).find(([, member]) => typeof member !== 'string');
  if (wrong) throw usageError(`${wrong[0]} in ${file} is not a string.`, jsonHint);
  return value as Record<string, string>;
}

const jsonHint = 'A JSON file must be as paas config --json prints it: {"NAME": "value"}';

async function readSource(io: Io, file: string): Promise<Uint8Array> {
  try {
    if (file !== '-') return await readFile(resolve(io.cwd, file));
    const chunks: Buffer[] = [];
    for await (const chunk of io.stdin) chunks.push(Buffer.from(chunk));
    return Buffer.concat(chunks);
  } catch (cause) {
    throw unreadable(file === '-' ? 'Standard input' : file, cause);
  }
}

export default define;
