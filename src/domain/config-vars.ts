import { PlatformError } from './errors.ts';

/** The app's settings, which its processes get as environment variables. Values are UTF-8 text without NUL. */
export type ConfigVars = Readonly<Record<string, string>>;

/** Who set a variable. Only the same source may change or unset it. */
export type ConfigVarSource = 'user' | 'attachment' | 'platform';

const sourceWords: Readonly<Record<ConfigVarSource, string>> = {
  user: 'a user',
  attachment: 'an attachment of a service',
  platform: 'the platform',
};

/** Throws `conflict` if a change touches a variable that another source set. Names the variable and its source. */
export function checkSource(
  names: readonly string[],
  source: ConfigVarSource,
  sources: Readonly<Record<string, ConfigVarSource>>,
): void {
  for (const name of names) {
    const owner = Object.hasOwn(sources, name) ? sources[name] : undefined;
    if (owner === undefined || owner === source) continue;
    throw new PlatformError(
      'conflict',
      `${name} was set by ${sourceWords[owner]}, which alone may change or unset it.`,
    );
  }
}

export const configVarLimits = {
  count: 1000,
  valueBytes: 64 * 1024,
  totalBytes: 256 * 1024,
  nameLength: 128,
} as const;

const namePattern = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** Throws `invalid_params` or `too_large` unless the whole set may be stored. The message names the variable, never a value. */
export function checkConfigVars(vars: ConfigVars): void {
  const names = Object.keys(vars);
  if (names.length > configVarLimits.count) {
    throw new PlatformError('too_large', `${names.length} config vars, and ${configVarLimits.count} is the limit.`);
  }
  let totalBytes = 0;
  for (const name of names) {
    if (!namePattern.test(name) || name.length > configVarLimits.nameLength) {
      throw new PlatformError(
        'invalid_params',
        `${JSON.stringify(name.slice(0, 64))} is not a config var name: letters, digits and _, not starting with a digit, at most ${configVarLimits.nameLength} characters.`,
      );
    }
    const value = vars[name] ?? '';
    if (value.includes('\0')) throw new PlatformError('invalid_params', `The value of ${name} holds a NUL byte.`);
    const bytes = Buffer.byteLength(value);
    if (bytes > configVarLimits.valueBytes) {
      throw new PlatformError(
        'too_large',
        `The value of ${name} has ${bytes} bytes, and ${configVarLimits.valueBytes} is the limit.`,
      );
    }
    totalBytes += bytes + name.length;
  }
  if (totalBytes > configVarLimits.totalBytes) {
    throw new PlatformError(
      'too_large',
      `The config vars have ${totalBytes} bytes together, and ${configVarLimits.totalBytes} is the limit.`,
    );
  }
}

/** Whether two sets have the same names and values, in any order. */
export function sameConfig(a: ConfigVars, b: ConfigVars): boolean {
  const names = Object.keys(a);
  return names.length === Object.keys(b).length && names.every((name) => Object.hasOwn(b, name) && a[name] === b[name]);
}
