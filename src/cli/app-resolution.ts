import { knownGitOrigins } from '../config/credentials.ts';
import { PlatformError } from '../domain/errors.ts';
import { usageError } from './errors.ts';
import { gitSettings, type Remote } from './git.ts';
import type { Io } from './io.ts';

/** The name that `paas create` gives its git remote. */
export const usualRemote = 'paas';

/** The flags that name an app. */
export interface AppFlags {
  readonly app?: string;
  readonly remote?: string;
}

interface AppRemote {
  readonly remote: string;
  readonly app: string;
}

/**
 * Returns the app's name from the first of these that is set: `--app`, PAAS_APP, HEROKU_APP, `--remote`, git's
 * `paas.remote`, the only git remote that points to a platform. Throws `invalid_params` or `conflict` otherwise.
 */
export async function resolveApp(io: Pick<Io, 'env' | 'cwd'>, flags: AppFlags): Promise<string> {
  // A script whose variable is unset must not act on the app of the current folder.
  if (flags.app === '') throw usageError('--app names no app: it is empty.');
  const named = flags.app ?? (io.env.PAAS_APP || io.env.HEROKU_APP);
  if (named) return named;
  const { remotes, defaultRemote } = await gitSettings(io);
  if (flags.remote !== undefined) return appOf(remotes, flags.remote);
  if (defaultRemote !== undefined) return appOf(remotes, defaultRemote);
  return onlyApp(appRemotes(remotes, knownGitOrigins(io.env)));
}

/** The remotes of servers that we have a token for, and the remote called `paas`. */
function appRemotes(remotes: readonly Remote[], origins: readonly string[]): readonly AppRemote[] {
  return remotes.flatMap(({ name, url }) => {
    const app = appName(url);
    const ours = name === usualRemote || origins.includes(URL.parse(url)?.origin ?? '');
    return app !== null && ours ? [{ remote: name, app }] : [];
  });
}

/** `http://git.localhost:8080/hello.git` gives `hello`. */
function appName(url: string): string | null {
  return /[/:]([a-z][a-z0-9-]*)(?:\.git)?\/?$/.exec(url)?.[1] ?? null;
}

function appOf(remotes: readonly Remote[], name: string): string {
  const remote = remotes.find((candidate) => candidate.name === name);
  const app = remote && appName(remote.url);
  if (app) return app;
  throw usageError(
    remote
      ? `The git remote ${name} (${remote.url}) does not belong to an app.`
      : `This folder has no git remote ${name}.`,
    'Name the app with --app.',
  );
}

function onlyApp(found: readonly AppRemote[]): string {
  const [first, second] = found;
  if (first === undefined) {
    throw usageError(
      'Which app? This folder has no git remote of an app.',
      'Name it with --app NAME, or create one here with: paas create',
    );
  }
  if (second === undefined || found.every(({ app }) => app === first.app)) return first.app;
  const list = found.map(({ remote, app }) => `    ${remote} (${app})`).join('\n');
  throw new PlatformError(
    'conflict',
    `Multiple apps in git remotes
  Usage: --remote ${second.remote}
     or: --app ${second.app}
  Your local git repository has more than 1 app referenced in git remotes.
  Because of this, we can't determine which app you want to run this command against.
  Specify the app you want with --app or --remote, or once for all: git config paas.remote ${first.remote}
  paas remotes in repo:
${list}`,
  );
}
