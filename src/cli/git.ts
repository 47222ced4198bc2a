import { execFile, type SpawnOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Readable, Writable } from 'node:stream';
import { promisify } from 'node:util';
import { PlatformError } from '../domain/errors.ts';
import type { Io } from './io.ts';
import { written } from './output.ts';

export interface Remote {
  readonly name: string;
  readonly url: string;
}

/** The part of git's configuration that is about apps. Outside a repository there are no remotes. */
export interface GitSettings {
  readonly remotes: readonly Remote[];
  /** git's `paas.remote`: the remote to use when there are several. */
  readonly defaultRemote: string | undefined;
}

/**
 * git finds its repository, its configuration and its helpers by these variables. No others are passed on: simple-git
 * refuses an environment with an editor or a pager, which the commands here never open.
 */
const gitVariables = [
  ...['PATH', 'HOME', 'USER', 'TMPDIR', 'XDG_CONFIG_HOME'],
  ...['GIT_DIR', 'GIT_WORK_TREE', 'GIT_CEILING_DIRECTORIES'],
  ...['GIT_CONFIG_GLOBAL', 'GIT_CONFIG_SYSTEM', 'GIT_CONFIG_NOSYSTEM'],
  ...['GIT_AUTHOR_NAME', 'GIT_AUTHOR_EMAIL', 'GIT_COMMITTER_NAME', 'GIT_COMMITTER_EMAIL', 'EMAIL'],
];

async function repository({ env, cwd }: Pick<Io, 'env' | 'cwd'>) {
  const { simpleGit } = await import('simple-git');
  const passed = gitVariables.flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]]]));
  // The configuration belongs to the user who runs this, so these options are no danger here.
  const unsafe = { allowUnsafeConfigPaths: true, allowUnsafeCredentialHelper: true };
  return simpleGit({ baseDir: cwd, unsafe, allowEnvironment: gitVariables }).env({
    ...Object.fromEntries(passed),
    LC_ALL: 'C',
  });
}

export async function gitSettings(io: Pick<Io, 'env' | 'cwd'>): Promise<GitSettings> {
  const { all } = await (await repository(io)).listConfig().catch(explain);
  const last = (value: string | string[] | undefined) => (Array.isArray(value) ? value.at(-1) : value);
  const remotes = Object.entries(all).flatMap(([key, value]) => {
    const name = /^remote\.(.+)\.url$/.exec(key)?.[1];
    const url = last(value);
    return name === undefined || url === undefined ? [] : [{ name, url }];
  });
  return { remotes, defaultRemote: last(all['paas.remote']) };
}

export async function insideRepository(io: Pick<Io, 'env' | 'cwd'>): Promise<boolean> {
  return (await repository(io)).checkIsRepo().catch(explain);
}

/** Null when no branch is checked out. */
export async function currentBranch(io: Pick<Io, 'env' | 'cwd'>): Promise<string | null> {
  const name = await (await repository(io)).raw(['symbolic-ref', '--short', '--quiet', 'HEAD']).catch(() => '');
  return name.trim() || null;
}

/**
 * Parses the address of a repository that a server gave. Accepts only HTTP addresses: others (`ext::`) are commands that
 * git would run on this machine. Throws `unavailable`.
 */
export function parseGitUrl(text: string): URL {
  const url = URL.parse(text);
  if (url && /^https?:$/.test(url.protocol)) return url;
  throw new PlatformError('unavailable', `The platform gave an address to push to that is not HTTP: ${text}.`);
}

/** Adds the remote, or changes its URL. May be called twice. */
export async function setRemote(io: Pick<Io, 'env' | 'cwd'>, remote: Remote): Promise<void> {
  parseGitUrl(remote.url);
  const known = (await gitSettings(io)).remotes.some(({ name }) => name === remote.name);
  await change(io, ['remote', known ? 'set-url' : 'add', '--', remote.name, remote.url]);
}

/** Names of this folder's remotes with that URL. None where git is missing: an app can be used without git. */
export async function remotesAt(io: Pick<Io, 'env' | 'cwd'>, url: string): Promise<readonly string[]> {
  const { remotes } = await gitSettings(io).catch(() => ({ remotes: [] }));
  return remotes.filter((remote) => remote.url === url).map(({ name }) => name);
}

export async function removeRemote(io: Pick<Io, 'env' | 'cwd'>, name: string): Promise<void> {
  await change(io, ['remote', 'remove', '--', name]);
}

/**
 * Lets git find the token for one server in `storePath`, in this repository only. The empty helper before it
 * (gitcredentials(7)) keeps the user's other helpers from being asked for this server and from storing its token.
 */
export async function useCredentialStore(
  io: Pick<Io, 'env' | 'cwd'>,
  origin: string,
  storePath: string,
): Promise<void> {
  const key = `credential.${origin}.helper`;
  // git runs `git credential-VALUE get` in a shell, so the path is quoted.
  const helper = `store --file '${storePath.replaceAll("'", `'\\''`)}'`;
  await change(io, ['config', '--local', '--replace-all', key, '']);
  await change(io, ['config', '--local', '--add', key, helper]);
}

/** Whether git knows the author and the committer in this folder. */
export async function authorKnown(io: Pick<Io, 'env' | 'cwd'>): Promise<boolean> {
  const git = await repository(io);
  return Promise.all([git.raw(['var', 'GIT_AUTHOR_IDENT']), git.raw(['var', 'GIT_COMMITTER_IDENT'])]).then(
    () => true,
    () => false,
  );
}

export async function gitVersion(io: Pick<Io, 'env' | 'cwd'>): Promise<string | null> {
  const { installed, major, minor, patch } = await (await repository(io)).version().catch(explain);
  return installed ? `${major}.${minor}.${patch}` : null;
}

/**
 * Runs git and shows its output at once. On a terminal git draws its own progress. Resolves with the exit code.
 */
export async function runGit(io: Io, args: readonly string[], cwd: string): Promise<number> {
  const shown = io.stderr.isTTY === true;
  const options: SpawnOptions = {
    cwd,
    env: io.env as NodeJS.ProcessEnv,
    stdio: shown ? 'inherit' : ['ignore', 'pipe', 'pipe'],
    signal: io.signal,
  };
  const child = spawn('git', args, options);
  try {
    const [[code]] = await Promise.all([
      once(child, 'close'),
      ...[child.stdout, child.stderr].map((output) => copy(output, io.stderr)),
    ]);
    return code ?? 1;
  } catch (error) {
    return explain(error);
  }
}

/** Copies at the speed of the target's reader. Reads on when that is gone, because git would wait for its own reader. */
async function copy(source: Readable | null, target: Writable): Promise<void> {
  for await (const chunk of source ?? []) await written(target, chunk);
}

/** For commands that print nothing: simple-git would wait 50 ms longer for their output. */
async function change({ env, cwd }: Pick<Io, 'env' | 'cwd'>, args: readonly string[]): Promise<void> {
  const options = { cwd, env: env as NodeJS.ProcessEnv, timeout: 30_000 };
  await promisify(execFile)('git', args as string[], options).catch(explain);
}

function explain(error: unknown): never {
  if ((error as NodeJS.ErrnoException).code === 'ENOENT' || /spawn git ENOENT/.test(String(error))) {
    throw new PlatformError('unavailable', 'git was not found on this machine.', {
      hint: 'Install it, for example with: apt-get install git',
      cause: error,
    });
  }
  throw new PlatformError(
    'unavailable',
    `git failed: ${error instanceof Error ? error.message.trim() : String(error)}`,
    {
      cause: error,
    },
  );
}
