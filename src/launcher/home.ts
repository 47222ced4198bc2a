import { accessSync, constants, mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { environmentName, paths } from '../config/settings.ts';
import { PlatformError } from '../domain/errors.ts';
import { assertReachable, gitUser } from '../git-receive/git-user.ts';

/**
 * Makes PAAS_HOME when it is missing, and checks that a platform can use it. The first step of all. Throws
 * `invalid_params` when the folder cannot be made or written, or when git's own user could not reach its files.
 */
export async function prepareHome(home: string): Promise<void> {
  try {
    makeFolders(dirname(home), 0o755);
    await assertReachable(home, gitUser());
    makeFolders(home, 0o700);
    makeFolders(paths(home).run, 0o700);
    accessSync(home, constants.W_OK | constants.X_OK);
  } catch (cause) {
    if (cause instanceof PlatformError) throw cause;
    throw new PlatformError('invalid_params', `The platform cannot use ${home}: ${reasonOf(cause, home)}.`, {
      hint: `Choose another folder with ${environmentName('home')}, for example ${environmentName('home')}=$HOME/paas npm start.`,
      cause,
    });
  }
}

/**
 * Makes the folders one by one. Node's recursive `mkdir` never returns where the kernel allows no new folder (/proc).
 */
function makeFolders(path: string, mode: number): void {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found?.isDirectory()) return;
  if (found) throw new Error(`${path} is not a folder`);
  makeFolders(dirname(path), mode);
  mkdirSync(path, { mode });
}

function reasonOf(cause: unknown, home: string): string {
  const { code, message, path = home } = cause as NodeJS.ErrnoException;
  switch (code) {
    case 'EACCES':
    case 'EPERM':
      return `you may not write to ${path}`;
    case 'EROFS':
      return `${path} is on a file system that is mounted read-only`;
    case 'ENOENT':
      return `${path} cannot be made there`;
    case 'ENOTDIR':
      return 'a part of its path is not a folder';
    default:
      return message;
  }
}
