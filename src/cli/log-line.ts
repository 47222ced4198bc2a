import { harmless, type Style, type StyleName } from './terminal-text.ts';

interface ParsedLine {
  readonly at: string | null;
  readonly source: string | null;
  readonly process: string | null;
  readonly text: string;
}

/** Parses `2026-01-01T00:00:00.000000+00:00 app[web.1]: text`. A line of another form is all text. */
export function parseLogLine(line: string): ParsedLine {
  const match = /^(\S+) ([\w-]+)\[([^\]]+)\]: ?(.*)$/s.exec(line);
  if (!match) return { at: null, source: null, process: null, text: line };
  const [, at = '', source = '', process = '', text = ''] = match;
  return { at, source, process, text };
}

const processColours: readonly StyleName[] = ['cyan', 'green', 'magenta', 'blue', 'yellow'];

/** Gives each process its own colour, in the order of their first lines. The platform's lines are dim. */
export class LogPainter {
  readonly #style: Style;
  readonly #colours = new Map<string, StyleName>();

  constructor(style: Style) {
    this.#style = style;
  }

  /** Formats the line for this output. On a terminal the app's colours stay; all other control sequences are removed. */
  paint(line: string): string {
    const clean = harmless(line, { colours: this.#style.colours });
    if (!this.#style.colours) return clean;
    const { at, source, process, text } = parseLogLine(clean);
    if (source === null || process === null) return clean;
    const head = this.#style.paint(source === 'app' ? this.#colourOf(process) : 'dim', `${at} ${source}[${process}]:`);
    // Without a reset, a colour that the app left on would continue on the next line.
    return `${head} ${text}${text.includes('\x1b') ? '\x1b[0m' : ''}`;
  }

  #colourOf(process: string): StyleName {
    const known = this.#colours.get(process);
    if (known) return known;
    const colour = processColours[this.#colours.size % processColours.length] ?? 'cyan';
    this.#colours.set(process, colour);
    return colour;
  }
}
