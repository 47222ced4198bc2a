import { PlatformError } from '../domain/errors.ts';

/** A git command. Its name and options are constants; its revisions and paths vary. */
export interface GitCommand {
  readonly name: string;
  /** Constants in this code, never a value from outside. */
  readonly options?: readonly string[];
  /** Object ids, `^<id>` (leaves out what that commit contains), `<id>^{tree}`, or full ref names. */
  readonly revisions?: readonly string[];
  readonly paths?: readonly string[];
}

const revision = /^\^?(?:[0-9a-f]{40}|[0-9a-f]{64})(?:\^\{(?:tree|commit)\})?$|^refs\/(?:heads|tags)\/[^\s~^:?*[\\]+$/;

/**
 * The arguments for `git`. No revision and no path can become an option: revisions come after `--end-of-options`, paths
 * after `--`. Throws `internal` for a value of another form, because a check is then missing in the caller.
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
