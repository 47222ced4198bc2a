import { parseArgs } from 'node:util';
import { aboutSetting, defaultOf, type SettingName, settingNames } from '../config/setting-rules.ts';
import { environmentName, type Flags, flagName } from '../config/settings.ts';
import { PlatformError } from '../domain/errors.ts';
import { nearestWord } from '../system/did-you-mean.ts';

const names: readonly (SettingName | 'home')[] = ['home', ...settingNames];

/** The settings of `npm start -- --http-port 80`, or `help` for `--help`. Throws `invalid_params`. */
export function readArguments(args: readonly string[]): Flags | 'help' {
  const { tokens } = parseArgs({
    args: [...args],
    options: Object.fromEntries(names.map((name) => [flagName(name).slice(2), { type: 'string' }] as const)),
    strict: false,
    tokens: true,
  });
  const flags: Record<string, string> = {};
  for (const token of tokens) {
    if (token.kind === 'option-terminator') continue;
    if (token.kind === 'positional') throw wrong(`npm start takes no argument ${token.value}.`);
    if (token.rawName === '--help' || token.rawName === '-h') return 'help';
    const name = names.find((candidate) => flagName(candidate) === token.rawName);
    if (name === undefined) throw unknownFlag(token.rawName);
    if (token.value === undefined) throw wrong(`${token.rawName} needs a value.`);
    flags[name] = token.value;
  }
  return flags;
}

/** The flags as environment variables, for the programs that the launcher starts. */
export function environmentOf(flags: Flags): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(flags).map(([name, value]) => [environmentName(name), value]));
}

export function startHelp(): string {
  const rows = names.map((name): readonly [string, string, string] => [
    flagName(name),
    environmentName(name),
    name === 'home'
      ? 'folder for all data (/var/lib/paas; without root ~/.local/share/paas)'
      : `${aboutSetting(name)} (${defaultOf(name)})`,
  ]);
  const width = (column: 0 | 1) => Math.max(...rows.map((row) => row[column].length));
  const lines = rows.map(
    ([flag, variable, about]) => `  ${flag.padEnd(width(0))}  ${variable.padEnd(width(1))}  ${about}`,
  );
  return `Usage: npm start [-- --http-port 80 …]

Sets this machine up for the platform (only the steps that are needed), and runs the platform until Ctrl-C.

When the store of a platform is lost, --new-platform sets everything that is left of it aside and begins anew.

Each setting is a flag, a variable, or (except home) a line such as http_port = 80 in paas.toml in its home:

${lines.join('\n')}
`;
}

function unknownFlag(flag: string): PlatformError {
  const meant = nearestWord(flag, names.map(flagName));
  return wrong(`npm start has no option ${flag}.`, meant === null ? '' : `Did you mean ${meant}? `);
}

function wrong(message: string, meant = ''): PlatformError {
  return new PlatformError('invalid_params', message, { hint: `${meant}All settings: npm start -- --help` });
}
