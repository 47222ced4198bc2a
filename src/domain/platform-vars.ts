/** Says what becomes of a config var of this name. */
type Effect = (name: string) => string;

const forEvery: Effect = (name) => `The platform sets ${name} for every process. Processes do not see this value.`;
const onTerminals: Effect = (name) => `The terminal of paas run sets ${name}. Only other processes see this value.`;
const byShell: Effect = (name) =>
  `bash, which starts the processes of a buildpack's app, sets ${name} itself. They do not see this value.`;

/** The variables that the platform sets in instances, over config vars of the same names. */
const setByPlatform = {
  DYNO: forEvery,
  PAAS_APP: forEvery,
  PAAS_RELEASE: forEvery,
  PORT: (name) => `The platform sets ${name} for web processes. They do not see this value.`,
  HOME: (name) =>
    `The platform sets ${name} to /app for the processes of an app that a buildpack builds. Only the build sees this value.`,
  TINI_KILL_PROCESS_GROUP: (name) =>
    `The platform sets ${name} in images without its own init. Their processes do not see this value.`,
  TERM: onTerminals,
  COLUMNS: onTerminals,
  LINES: onTerminals,
} as const satisfies Readonly<Record<string, Effect>>;

/** The only names that an instance's environment may have beside the config vars. */
export type PlatformVar = keyof typeof setByPlatform;

/** Variables with which the launcher, a script of bash, works otherwise or that it does not pass on (tried with 5.2). */
const ofLauncher: Readonly<Record<string, Effect>> = {
  ...Object.fromEntries(
    [
      ...['PWD', 'OLDPWD', 'SHLVL', 'IFS', '_', 'PPID', 'PS1', 'PS4', 'OPTIND', 'OPTERR', 'BASH', 'BASHOPTS'],
      ...['BASHPID', 'BASH_ARGV0', 'BASH_COMMAND', 'BASH_SUBSHELL', 'BASH_VERSINFO', 'BASH_VERSION', 'COMP_WORDBREAKS'],
      ...['EPOCHREALTIME', 'EPOCHSECONDS', 'HISTCMD', 'LINENO', 'RANDOM', 'SRANDOM'],
    ].map((name) => [name, byShell]),
  ),
  PATH: (name) =>
    `${name} replaces the image's own: processes find programs only in its folders and in those of the build. To add a folder, write a file .profile.d/path.sh: export PATH="$PATH:FOLDER"`,
  BASH_ENV: (name) => `bash runs the file that ${name} names before each process of a buildpack's app.`,
  SHELLOPTS: (name) => `bash starts the processes of a buildpack's app with the options in ${name}.`,
};

const prefixes: readonly (readonly [prefix: string, effect: Effect])[] = [
  ['PAAS_', (name) => `Names that begin with PAAS_ are the platform's. A later version may set ${name} itself.`],
  ['CNB_', (name) => `Builds set variables that begin with CNB_. With another value of ${name} they may fail.`],
];

/** What a user should know who sets a config var of this name. Null when it reaches every process and changes nothing else. */
export function configVarWarning(name: string): string | null {
  for (const effects of [setByPlatform, ofLauncher]) {
    if (Object.hasOwn(effects, name)) return effects[name as keyof typeof effects](name);
  }
  return prefixes.find(([prefix]) => name.startsWith(prefix))?.[1](name) ?? null;
}
