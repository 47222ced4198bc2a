import { PlatformError } from '../domain/errors.ts';

/** One line of a push: a ref, its commit when the push began, and the commit that it should get. */
export interface RefUpdate {
  readonly ref: string;
  /** Null: the ref is new. */
  readonly oldId: string | null;
  /** Null: the ref is to be deleted. */
  readonly newId: string | null;
}

const line = /^([0-9a-f]{40}|[0-9a-f]{64}) ([0-9a-f]{40}|[0-9a-f]{64}) ([^\0\n]+)$/;

/**
 * Parses the input of a pre-receive hook (githooks(5)): `<old> <new> <ref>` per line. Throws `internal` for other
 * lines.
 */
export function parseRefUpdates(text: string): readonly RefUpdate[] {
  return text
    .split('\n')
    .filter((row) => row !== '')
    .map((row) => {
      const [, oldId = '', newId = '', ref = ''] = line.exec(row) ?? [];
      if (ref === '') throw new PlatformError('internal', 'git gave its hook a line that is no ref update.');
      return { ref, oldId: orNull(oldId), newId: orNull(newId) };
    });
}

function orNull(id: string): string | null {
  return /^0+$/.test(id) ? null : id;
}

const invalidInRef = /[\p{Cc} ~^:?*[\\]|\.\.|@\{|\/\/|\/\.|\.lock(?:\/|$)|[./]$/u;

/** The rules of git-check-ref-format(1) for a full name. git applies them only after it has stored the objects. */
export function isWellFormedRef(ref: string): boolean {
  return /^refs\/./.test(ref) && !invalidInRef.test(ref);
}

/** `main` of `refs/heads/main`, `tag v1` of `refs/tags/v1`: as people write it. */
export function shortRef(ref: string): string {
  if (ref.startsWith('refs/heads/')) return ref.slice('refs/heads/'.length);
  if (ref.startsWith('refs/tags/')) return `tag ${ref.slice('refs/tags/'.length)}`;
  return ref;
}
