// biome-ignore-all lint/suspicious/noControlCharactersInRegex: control characters are this file's subject.
import { stripVTControlCharacters } from 'node:util';
import type { Output } from './io.ts';

/**
 * In this order: ECMA-48 strings (OSC, DCS, APC, PM, SOS) with their content, up to their terminator or the end of the
 * text; CSI sequences; other escapes; single control characters except tab and newline. Every ESC is part of a match.
 */
const controlSequences =
  /(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c|$)|(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?|\x1b[ -/]*[0-~]?|[\x00-\x08\x0b-\x1f\x7f-\x9f]/g;
const selectGraphicRendition = /^\x1b\[[0-9;:]*m$/;

/**
 * Makes a server's text harmless for a terminal. Removes all control characters except newline and tab, so the text cannot
 * move the cursor, write the clipboard or set the title. With `colours`, SGR sequences stay.
 */
export function harmless(text: string, { colours = false }: { readonly colours?: boolean } = {}): string {
  return text.replace(controlSequences, (found) => (colours && selectGraphicRendition.test(found) ? found : ''));
}

/** The number of columns that the text takes. Wide characters count as one. */
export function width(text: string): number {
  return [...stripVTControlCharacters(text)].length;
}

export function padEnd(text: string, columns: number): string {
  return text + ' '.repeat(Math.max(0, columns - width(text)));
}

/** Quotes one argument for a POSIX shell, if it needs quotes. */
export function shellQuote(value: string): string {
  if (/^[A-Za-z0-9_@%+=:,./-]+$/.test(value)) return value;
  return `'${value.replaceAll("'", `'\\''`)}'`;
}

const styles = {
  bold: ['1', '22'],
  dim: ['2', '22'],
  red: ['31', '39'],
  green: ['32', '39'],
  yellow: ['33', '39'],
  blue: ['34', '39'],
  magenta: ['35', '39'],
  cyan: ['36', '39'],
} as const;
export type StyleName = keyof typeof styles;

/** The styles that a stream can show: plain text only, unless it is a terminal with colours and NO_COLOR is not set. */
export interface Style {
  readonly colours: boolean;
  paint(style: StyleName, text: string): string;
  /** `⬢ shop` where the terminal has 256 colours, else `shop`. */
  app(name: string): string;
}

export function styleOf(output: Output, env: Readonly<Record<string, string | undefined>>): Style {
  const allowed = output.isTTY === true && !env.NO_COLOR && env.HEROKU_COLOR !== '0';
  const depth = allowed ? (output.getColorDepth?.(env) ?? 1) : 1;
  const paint = (style: StyleName, text: string) =>
    depth < 4 ? text : `\x1b[${styles[style][0]}m${text}\x1b[${styles[style][1]}m`;
  return { colours: depth >= 4, paint, app: (name) => (depth >= 8 ? paint('magenta', `⬢ ${name}`) : name) };
}
