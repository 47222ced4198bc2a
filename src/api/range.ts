import { PlatformError } from '../domain/errors.ts';
import type { Bound, Page } from '../domain/listing.ts';

const defaultMax = 200;
const largestMax = 1000;
const longestHeader = 512;

export interface ShownPage {
  readonly rows: readonly Row[];
  readonly contentRange: string | null;
  /** The header that asks for what follows; null at the end. */
  readonly nextRange: string | null;
}

type Row = Readonly<Record<string, unknown>>;

/**
 * Parses a `Range` header such as `version ]15..; order=desc,max=15`. An empty header counts as missing. The list can
 * be paged by `properties`; the first is the default. Throws `invalid_params`. Grammar: Heroku Platform API reference,
 * "Ranges", and contracts/heroku.md 2.5.
 */
export function parseRange(header: string | undefined, properties: readonly [string, ...string[]]): Page {
  const text = (header ?? '').trim();
  if (text === '') return { property: properties[0], start: null, end: null, order: 'asc', max: defaultMax };
  const [bounds = '', ...options] = text.split(/[;,]/).map((part) => part.trim());
  const space = bounds.indexOf(' ');
  const dots = bounds.indexOf('..', space);
  const property = bounds.slice(0, Math.max(space, 0));
  if (text.length > longestHeader || space < 0 || dots < 0 || !properties.includes(property))
    throw wrongRange(properties);
  let order: Page['order'] = 'asc';
  let max = defaultMax;
  for (const option of options.filter((part) => part !== '')) {
    const [name, value = ''] = option.split('=').map((part) => part.trim());
    if (name === 'order' && (value === 'asc' || value === 'desc')) order = value;
    else if (name === 'max' && /^[1-9]\d{0,8}$/.test(value)) max = Math.min(Number(value), largestMax);
    else throw wrongRange(properties);
  }
  return {
    property,
    start: parseBound(bounds.slice(space + 1, dots)),
    end: parseBound(bounds.slice(dots + 2)),
    order,
    max,
  };
}

/**
 * Sorts the rows and cuts one page from them. They are the whole list, or the page and at least one row more. Rows with
 * an equal value stay on one page, so that none is lost between two pages.
 */
export function page(rows: readonly Row[], range: Page): ShownPage {
  const direction = range.order === 'asc' ? 1 : -1;
  const compare = (left: unknown, right: unknown) => direction * compareValues(left, right);
  const within = rows
    .filter(({ [range.property]: value }) => {
      const fromStart = range.start ? compare(value, range.start.value) : 1;
      const fromEnd = range.end ? compare(value, range.end.value) : -1;
      return (
        (fromStart > 0 || (fromStart === 0 && !range.start?.exclusive)) &&
        (fromEnd < 0 || (fromEnd === 0 && !range.end?.exclusive))
      );
    })
    .sort((left, right) => compare(left[range.property], right[range.property]));
  let count = Math.min(range.max, within.length);
  while (count < within.length && compare(within[count - 1]?.[range.property], within[count]?.[range.property]) === 0) {
    count += 1;
  }
  const shown = within.slice(0, count);
  const first = shown[0]?.[range.property];
  const last = shown.at(-1)?.[range.property];
  const end = range.end ? `${range.end.exclusive ? ']' : ''}${range.end.value}` : '';
  return {
    rows: shown,
    contentRange: shown.length === 0 ? null : `${range.property} ${String(first)}..${String(last)}`,
    nextRange:
      count < within.length
        ? `${range.property} ]${String(last)}..${end}; order=${range.order},max=${range.max}`
        : null,
  };
}

function parseBound(text: string): Bound | null {
  const exclusive = text.startsWith(']');
  const value = exclusive ? text.slice(1) : text;
  return value === '' ? null : { value, exclusive };
}

/** A bound is text. It is compared with numbers as a number. */
function compareValues(left: unknown, right: unknown): number {
  if (typeof left === 'number') return left - Number(right);
  const a = String(left);
  const b = String(right);
  return a < b ? -1 : a > b ? 1 : 0;
}

function wrongRange(properties: readonly string[]): PlatformError {
  return new PlatformError(
    'invalid_params',
    `The Range header is not valid for this list, which can be paged by ${properties.join(', ')}.`,
    {
      hint: `For example: Range: ${properties[0]} ..; order=desc,max=15`,
    },
  );
}
