/** One `syntax` directive. It names the image that reads the Dockerfile instead of the engine's own front end. */
export interface SyntaxLine {
  readonly image: string;
  /** Counted from 0. */
  readonly line: number;
}

const directive = /^\s*(?:#|\/\/)\s*([A-Za-z][\w-]*)\s*=\s*(\S.*)$/;
/** Docker's own front ends, by tag or digest. They add nothing to what a Dockerfile can do. */
const dockersOwn = /^(?:docker\.io\/)?docker\/dockerfile(?:-upstream)?(?::[\w.-]+)?(?:@sha256:[0-9a-f]{64})?$/;

/**
 * The `syntax` directives, in every form that any BuildKit accepts: after a byte order mark or a `#!` line, as
 * `// syntax=`, and as a JSON file (buildkit's frontend/dockerfile/parser/directives.go).
 */
export function syntaxLines(text: string): readonly SyntaxLine[] {
  const lines = text.replace(/^\uFEFF/, '').split('\n');
  if (lines[0]?.trimStart().startsWith('{')) return [{ image: 'a file of JSON', line: 0 }];
  const found: SyntaxLine[] = [];
  for (const [line, content] of lines.entries()) {
    if (line === 0 && content.startsWith('#!')) continue;
    const [, name = '', value = ''] = directive.exec(content.trimEnd()) ?? [];
    if (name === '') break;
    if (name.toLowerCase() === 'syntax') found.push({ image: value.split(/\s/)[0] ?? '', line });
  }
  return found;
}

/**
 * Whether this image may read the Dockerfile. A front end makes the engine fetch addresses in the host's own network, so
 * only Docker's own are allowed.
 */
export function isTrustedFrontEnd({ image }: SyntaxLine): boolean {
  return dockersOwn.test(image);
}
