const shown = '[redacted]';

/**
 * Patterns of secrets in a line of text or JSON. They are the last line of defence: no secret should be passed to the
 * log. Each pattern keeps the name that stands before the secret, so that the line can still be read. (`\\n` of JSON
 * stands before a word as a space does.) Repetitions are bounded, so that the time does not grow with the square of the
 * text's length.
 */
const patterns: readonly (readonly [RegExp, string])[] = [
  // The platform's API tokens.
  [/((?:\\[nrt]|\b))pp_[A-Za-z0-9]{16,}/g, `$1pp_${shown}`],
  // Fields of JSON, also of JSON within a JSON string.
  [
    /(\\{0,7}")((?:proxy-)?authorization|(?:set-)?cookie|password|passwd|secret|token|api[-_]?key)\1(\s*:\s*)(?:\1(?:(?!\1)(?:\\.|[^\\]))*\1|\[[^\]]{0,8000}\])/gi,
    `$1$2$1$3$1${shown}$1`,
  ],
  // Header lines.
  [/((?:\\[nrt]|\b)(?:proxy-)?authorization\s*[:=]\s*(?:[A-Za-z]+\s+)?)[^\s"\\,;]+/gi, `$1${shown}`],
  [/((?:\\[nrt]|\b)(?:set-)?cookie\s*:\s*)[^"\\\r\n]+/gi, `$1${shown}`],
  [/\b(Basic|Bearer)\s+[A-Za-z0-9+/=._~-]{8,}/g, `$1 ${shown}`],
  // URL userinfo.
  [/\b([a-z][a-z0-9+.-]{0,30}:\/\/)[^\s/@"'\\]+@/gi, `$1${shown}@`],
];

export function redact(text: string): string {
  let result = text;
  for (const [pattern, replacement] of patterns) result = result.replace(pattern, replacement);
  return result;
}
