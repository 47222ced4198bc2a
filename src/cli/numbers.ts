import { InvalidArgumentError } from 'commander';

/** Returns a parser for an option's whole number, from `least` to `most`. */
export function wholeNumber(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= least && value <= most) return value;
    throw new InvalidArgumentError(`It must be a whole number from ${least} to ${most}.`);
  };
}

const unitSeconds = { m: 60, h: 3600, d: 86_400 } as const;

/** Parses `90m`, `12h` or `30d`. Returns seconds. */
export function duration(text: string): number {
  const [, count, unit] = /^([1-9]\d{0,4})([mhd])$/.exec(text) ?? [];
  if (count === undefined) throw new InvalidArgumentError('It must be a time such as 90m, 12h or 30d.');
  return Number(count) * unitSeconds[unit as keyof typeof unitSeconds];
}
