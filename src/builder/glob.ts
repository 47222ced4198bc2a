/**
 * Tells whether a path of the tree matches a pattern: `*`, `?` and `[a-z]` within one name, `**` as a whole name for any
 * number of folders. Dots are ordinary characters. No regular expression is made of it: patterns come with the source.
 */
export function matchesGlob(path: string, pattern: string): boolean {
  return matchesNames(path.split('/'), pattern.split('/'));
}

export function matchesAny(path: string, patterns: readonly string[]): boolean {
  return patterns.some((pattern) => matchesGlob(path, pattern));
}

/** As `matchesGlob`; a pattern that matches a folder takes all that is below it. */
export function coversPath(path: string, pattern: string): boolean {
  const names = path.split('/');
  const patterns = pattern.split('/').filter((name) => name !== '' && name !== '.');
  return names.some((_, index) => matchesNames(names.slice(0, index + 1), patterns));
}

function matchesNames(names: readonly string[], patterns: readonly string[]): boolean {
  const [pattern, ...rest] = patterns;
  if (pattern === undefined) return names.length === 0;
  if (pattern === '**') return names.some((_, index) => matchesNames(names.slice(index), rest)) || rest.length === 0;
  const [name, ...below] = names;
  return name !== undefined && matchesName(name, pattern) && matchesNames(below, rest);
}

/** Remembers only the last star: whatever an earlier one took is never better given back. */
function matchesName(name: string, pattern: string): boolean {
  const tokens = tokensOf(pattern);
  const letters = [...name];
  let at = 0;
  let read = 0;
  let star = -1;
  let starAt = 0;
  while (at < letters.length) {
    const token = tokens[read];
    if (token === 'any') {
      star = read++;
      starAt = at;
    } else if (token?.(letters[at] ?? '')) {
      read++;
      at++;
    } else if (star >= 0) {
      read = star + 1;
      at = ++starAt;
    } else return false;
  }
  while (tokens[read] === 'any') read++;
  return read === tokens.length;
}

type Token = 'any' | ((letter: string) => boolean);

/** `*`, `?`, `[a-z]`, `[^a-z]`, `\\x` and letters (Go's path.Match). */
function tokensOf(pattern: string): readonly Token[] {
  const tokens: Token[] = [];
  const letters = [...pattern];
  for (let at = 0; at < letters.length; at++) {
    const letter = letters[at];
    const close = letter === '[' ? letters.indexOf(']', at + 2) : -1;
    if (letter === '*') tokens.push('any');
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

function letterClass(letters: readonly string[]): (letter: string) => boolean {
  const negated = letters[0] === '^' || letters[0] === '!';
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
