/** A parsed pattern: one element per name. Null stands for `**`, and a string for a name that matches only itself. */
export type PathPattern = readonly (null | string | readonly Token[])[];

/**
 * Whether a path of the tree matches a pattern: `*`, `?` and `[a-z]` within one name, `**` as a whole name for any number
 * of folders. Dots are ordinary characters. No regular expression is made, because patterns come with the source: a match
 * takes at most the pattern's length times the path's.
 */
export function matchesGlob(path: string, pattern: string): boolean {
  return matchesAny(path, [pattern]);
}

export function matchesAny(path: string, patterns: readonly string[]): boolean {
  return anyOf(patterns)(path);
}

/** `matchesAny` for many paths. */
export function anyOf(patterns: readonly string[]): (path: string) => boolean {
  const read = patterns.map((pattern) => pattern.split('/').map(parseName));
  return (path) => {
    const names = path.split('/');
    return read.some((pattern) => matchesNames(names, pattern));
  };
}

/** Whether the pattern matches the path or a folder above it. */
export function coversPath(path: string, pattern: PathPattern): boolean {
  const names = path.split('/');
  return names.some((_, index) => matchesNames(names.slice(0, index + 1), pattern));
}

/** Parses a pattern for many calls of `coversPath`. Slashes at its ends and `.` are ignored. */
export function parsePattern(pattern: string): PathPattern {
  return pattern
    .split('/')
    .filter((name) => name !== '' && name !== '.')
    .map(parseName);
}

function parseName(name: string): PathPattern[number] {
  if (name === '**') return null;
  return /[*?[\\]/.test(name) ? tokensOf(name) : name;
}

function matchesNames(names: readonly string[], pattern: PathPattern): boolean {
  return matchesSequence(names, pattern, (name, one) =>
    typeof one === 'string' ? name === one : matchesSequence([...name], one, (letter, matches) => matches(letter)),
  );
}

/** Null in the pattern matches any number of elements. Only the last null is retried: retrying an earlier one never helps. */
function matchesSequence<Element, One>(
  elements: readonly Element[],
  pattern: readonly (One | null)[],
  matches: (element: Element, one: One) => boolean,
): boolean {
  let at = 0;
  let read = 0;
  let star = -1;
  let starAt = 0;
  for (let element = elements[at]; element !== undefined; element = elements[at]) {
    const one = pattern[read];
    if (one === null) {
      star = read++;
      starAt = at;
    } else if (one !== undefined && matches(element, one)) {
      read++;
      at++;
    } else if (star >= 0) {
      read = star + 1;
      at = ++starAt;
    } else return false;
  }
  while (pattern[read] === null) read++;
  return read === pattern.length;
}

/** Null matches any letters. */
type Token = null | ((letter: string) => boolean);

/** `*`, `?`, `[a-z]`, `[^a-z]`, `\\x` and letters (Go's path.Match). */
function tokensOf(pattern: string): readonly Token[] {
  const tokens: Token[] = [];
  const letters = [...pattern];
  const lastClose = letters.lastIndexOf(']');
  for (let at = 0; at < letters.length; at++) {
    const letter = letters[at];
    const close = letter === '[' && at + 2 <= lastClose ? letters.indexOf(']', at + 2) : -1;
    if (letter === '*') tokens.push(null);
    else if (letter === '?') tokens.push(() => true);
    else if (close > 0) {
      tokens.push(letterClass(letters.slice(at + 1, close)));
      at = close;
    } else {
      const literal = letter === '\\' ? letters[++at] : letter;
      tokens.push((candidate) => candidate === literal);
    }
  }
  return tokens;
}

/** Whether Go's path.Match would read the pattern: each `[` with letters and its `]`, each `\\` with a letter behind it. */
export function isWellFormedPattern(pattern: string): boolean {
  const letters = [...pattern];
  const lastClose = letters.lastIndexOf(']');
  for (let at = 0; at < letters.length; at++) {
    if (letters[at] === '\\') {
      at += 1;
      if (at >= letters.length) return false;
    } else if (letters[at] === '[') {
      const first = letters[at + 1] === '^' ? at + 2 : at + 1;
      if (first >= lastClose || letters[first] === ']' || letters[first] === '-') return false;
      at = letters.indexOf(']', first);
    }
  }
  return true;
}

function letterClass(letters: readonly string[]): (letter: string) => boolean {
  const negated = letters[0] === '^';
  const members = negated ? letters.slice(1) : letters;
  const ranges: (readonly [string, string])[] = [];
  for (let at = 0; at < members.length; at++) {
    const from = members[at] ?? '';
    const isRange = members[at + 1] === '-' && at + 2 < members.length;
    ranges.push([from, isRange ? (members[at + 2] ?? '') : from]);
    if (isRange) at += 2;
  }
  return (letter) => ranges.some(([from, to]) => letter >= from && letter <= to) !== negated;
}
