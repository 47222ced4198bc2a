import { PlatformError } from '../domain/errors.ts';

/** A git command of ours: its name and options are constants, what varies is a revision or a path. */
export interface GitCommand {
  readonly name: string;
  /** Constants of this code, never a value that came from outside. */
  readonly options?: readonly string[];
  /** Object ids (`^<id>`: what it does not contain), `<id>^{tree}`, or full ref names. */
  readonly revisions?: readonly string[];
  readonly paths?: readonly string[];
}

const revision = /^\^?(?:[0-9a-f]{40}|[0-9a-f]{64})(?:\^\{(?:tree|commit)\})?$|^refs\/(?:heads|tags)\/[^\s~^:?*[\\]+$/;

/**
 * The arguments for `git`, in which nothing that varies can become an option: revisions come after `--end-of-options`,
 * paths after `--`. Throws `internal` for a value of another form, because a caller's check is then missing.
 */
export function gitArguments({ name, options = [], revisions = [], paths = [] }: GitCommand): readonly string[] {
  for (const value of revisions) {
    if (!revision.test(value)) throw new PlatformError('internal', `Not a revision for git: ${JSON.stringify(value)}`);
  }
  for (const path of paths) {
    if (path === '' || path.includes('\0')) {
      throw new PlatformError('internal', `Not a path for git: ${JSON.stringify(path)}`);
    }
  }
  return [
    name,
    ...options,
    ...(revisions.length > 0 ? ['--end-of-options', ...revisions] : []),
    ...(paths.length > 0 ? ['--', ...paths] : []),
  ];
}
