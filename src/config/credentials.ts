import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { PlatformError } from '../domain/errors.ts';
import { writeWholeSync } from '../system/durable-file-sync.ts';
import type { Environment } from './environment.ts';

/** A user's login at one platform. Only the owner can read the files with these (0600). */
export interface Credential {
  readonly email: string;
  readonly token: string;
}

/** The user name that git sends. The server checks only the password, which is the token. */
const gitUser = 'paas';

/** JSON: a map from the API's URL to email and token. */
export function credentialsPath(env: Environment): string {
  return join(configHome(env), 'credentials.json');
}

/** The file of git's own helper: `credential.helper = store --file=<this>`. One URL with user and password per line. */
export function gitCredentialsPath(env: Environment): string {
  return join(configHome(env), 'git-credentials');
}

/** All credentials, by API URL without a slash at its end. Throws `unauthorized` when the file is damaged. */
export function readCredentials(env: Environment): Readonly<Record<string, Credential>> {
  const path = credentialsPath(env);
  const text = readText(path);
  if (text === '') return {};
  try {
    const entries = Object.entries(JSON.parse(text) as Record<string, Partial<Credential>>);
    return Object.fromEntries(
      entries.map(([url, { email, token }]) => [url, { email: `${email}`, token: `${token}` }]),
    );
  } catch (cause) {
    throw new PlatformError('unauthorized', `${path} is damaged.`, {
      hint: `Remove it and log in again: rm ${path}; paas login`,
      cause,
    });
  }
}

export function findCredential(env: Environment, apiUrl: string): Credential | null {
  return readCredentials(env)[normal(apiUrl)] ?? null;
}

/**
 * Saves the credential for the API, and for git at each of `gitOrigins` (`http://127.0.0.1:7080`). Replaces earlier
 * ones.
 */
export function saveCredential(
  env: Environment,
  credential: Credential,
  at: { readonly apiUrl: string; readonly gitOrigins: readonly string[] },
): void {
  const all = { ...readCredentials(env), [normal(at.apiUrl)]: credential };
  writeWholeSync(credentialsPath(env), `${JSON.stringify(all, null, 2)}\n`);
  const added = at.gitOrigins.map((origin) => gitLine(origin, credential.token));
  writeGitLines(env, [...gitLinesWithout(env, at.gitOrigins), ...added]);
}

/** Saves a token for git only: a token from the environment must not become a login. */
export function saveGitToken(env: Environment, gitOrigin: string, token: string): void {
  writeGitLines(env, [...gitLinesWithout(env, [gitOrigin]), gitLine(gitOrigin, token)]);
}

/** The git servers for which a token is saved; with `token`, those with that token. */
export function knownGitOrigins(env: Environment, token?: string): readonly string[] {
  return gitLines(env).flatMap((line) => {
    const url = parseGitLine(line);
    return url && (token === undefined || url.password === encodeURIComponent(token)) ? [url.origin] : [];
  });
}

/** Removes what `saveCredential` wrote. It is no error when there is nothing. */
export function removeCredential(
  env: Environment,
  at: { readonly apiUrl: string; readonly gitOrigins: readonly string[] },
): void {
  const { [normal(at.apiUrl)]: removed, ...rest } = readCredentials(env);
  if (removed) writeWholeSync(credentialsPath(env), `${JSON.stringify(rest, null, 2)}\n`);
  const kept = gitLinesWithout(env, at.gitOrigins);
  if (kept.length < gitLines(env).length) writeGitLines(env, kept);
}

/** An address as typed: `api.example.com` is `https://api.example.com`. Throws `invalid_params`. */
export function parseApiUrl(input: string): string {
  const url = URL.parse(/^[a-z]+:\/\//i.test(input) ? input : `https://${input}`);
  if (url === null || !/^https?:$/.test(url.protocol)) {
    throw new PlatformError('invalid_params', `${JSON.stringify(input)} is not the address of an API.`, {
      hint: 'For example: --api http://127.0.0.1:7080',
    });
  }
  return normal(url.origin + url.pathname);
}

function gitLine(origin: string, token: string): string {
  return new URL(origin).origin.replace('://', `://${gitUser}:${encodeURIComponent(token)}@`);
}

function gitLines(env: Environment): readonly string[] {
  return readText(gitCredentialsPath(env))
    .split('\n')
    .filter((line) => line !== '');
}

function gitLinesWithout(env: Environment, origins: readonly string[]): readonly string[] {
  const gone = new Set(origins.map((origin) => new URL(origin).origin));
  return gitLines(env).filter((line) => {
    const url = parseGitLine(line);
    return url === null || !gone.has(url.origin);
  });
}

/** After a push git rewrites the file, with the colon before a port as `%3a` (git-credential-store(1)). */
function parseGitLine(line: string): URL | null {
  return URL.parse(line.replace(/%3a(\d+)$/i, ':$1'));
}

function writeGitLines(env: Environment, lines: readonly string[]): void {
  writeWholeSync(gitCredentialsPath(env), lines.map((line) => `${line}\n`).join(''));
}

function normal(apiUrl: string): string {
  return apiUrl.replace(/\/+$/, '');
}

function configHome(env: Environment): string {
  return join(env.XDG_CONFIG_HOME || join(env.HOME || homedir(), '.config'), 'paas');
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw error;
  }
}
