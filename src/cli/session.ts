import { findCredential, parseApiUrl, readCredentials } from '../config/credentials.ts';
import { PlatformError } from '../domain/errors.ts';
import type { AppFlags } from './app-resolution.ts';
import type { ApiClient } from './client.ts';
import { printWarning, usageError } from './errors.ts';
import type { Http } from './http.ts';
import type { Io } from './io.ts';
import { written } from './output.ts';
import { type Progress, withProgress } from './progress.ts';
import { json } from './render.ts';
import { harmless, type Style, styleOf } from './terminal-text.ts';

/** The default: the platform on this machine, at its default port. */
export const defaultApiUrl = 'http://127.0.0.1:7080';

export interface Platform {
  readonly apiUrl: string;
  readonly token: string | undefined;
  /** False for a token from PAAS_TOKEN, which is used but never saved as a login. */
  readonly remembered: boolean;
}

/** One run of a command: its platform, its token and its outputs. */
export class Session {
  readonly io: Io;
  /** stdout and stderr each have a style, because only one of them may be a terminal. */
  readonly style: Style;
  readonly errorStyle: Style;
  /** `--json`: stdout carries one JSON document, or one per line for a stream. */
  json = false;
  exitCode = 0;
  #apiFlag: string | undefined;
  #http: Promise<Http> | undefined;
  #api: Promise<ApiClient> | undefined;

  constructor(io: Io) {
    this.io = io;
    this.style = styleOf(io.stdout, io.env);
    this.errorStyle = styleOf(io.stderr, io.env);
  }

  /** Takes the flags that every command has. */
  configure(flags: { readonly api?: string; readonly json?: boolean }): void {
    this.#apiFlag = flags.api;
    this.json = flags.json ?? false;
  }

  /** From `--api`, PAAS_API, the only platform with a login, or the platform on this machine. */
  platform(): Platform {
    const { env } = this.io;
    const given = this.#apiFlag ?? env.PAAS_API;
    const apiUrl = given ? parseApiUrl(given) : onlyPlatform(Object.keys(readCredentials(env)));
    if (env.PAAS_TOKEN) return { apiUrl, token: env.PAAS_TOKEN, remembered: false };
    return { apiUrl, token: findCredential(env, apiUrl)?.token, remembered: true };
  }

  /** The API with the user's token. Throws `unauthorized` when there is none. */
  api(): Promise<ApiClient> {
    this.#api ??= this.#connect();
    return this.#api;
  }

  /** The API at `apiUrl` with the given token, to try it, or with none, for public endpoints. */
  async apiAt(apiUrl: string, token?: string): Promise<ApiClient> {
    const [{ ApiClient }, http] = await Promise.all([import('./client.ts'), this.http()]);
    // A file keeps only the outcome.
    const onWait = () => {
      if (this.io.stderr.isTTY) this.note(`Waiting for ${apiUrl} to answer...`);
    };
    return new ApiClient({ url: new URL(apiUrl), token, http, signal: this.io.signal, onWait });
  }

  async #connect(): Promise<ApiClient> {
    const { apiUrl, token } = this.platform();
    if (token !== undefined) return this.apiAt(apiUrl, token);
    throw new PlatformError('unauthorized', `Not logged in to ${apiUrl}.`, {
      hint:
        apiUrl === defaultApiUrl
          ? 'On this machine, npm start sets up the platform and logs you in. For another machine: paas login --api URL'
          : `Log in with: paas login --api ${apiUrl}`,
    });
  }

  async http(): Promise<Http> {
    this.#http ??= import('./http.ts').then(({ Http }) => new Http(this.io.env));
    return this.#http;
  }

  /** The app named by a flag, the environment or a git remote. */
  async app(flags: AppFlags): Promise<string> {
    const { resolveApp } = await import('./app-resolution.ts');
    return resolveApp(this.io, flags);
  }

  progress<T>(title: string, work: (progress: Progress) => Promise<T>): Promise<T> {
    return withProgress(this.io, title, work);
  }

  /** Prints data on stdout. For a terminal, control sequences other than colours are removed. */
  print(text: string): void {
    this.io.stdout.write(this.#printable(text));
  }

  /** Prints, and resolves when the output has taken it: true, or false when nobody reads the output any more. */
  printed(text: string): Promise<boolean> {
    return written(this.io.stdout, this.#printable(text));
  }

  #printable(text: string): string {
    return `${this.io.stdout.isTTY ? harmless(text, { colours: true }) : text}\n`;
  }

  printJson(value: unknown): void {
    this.print(json(value));
  }

  /** Prints text for people on stderr. */
  note(text: string): void {
    this.io.stderr.write(`${harmless(text, { colours: true })}\n`);
  }

  warn(message: string): void {
    printWarning(this.io, message);
  }

  async close(): Promise<void> {
    (await this.#http)?.close();
  }
}

function onlyPlatform(known: readonly string[]): string {
  const [first, ...others] = known;
  if (first === undefined || known.includes(defaultApiUrl)) return defaultApiUrl;
  if (others.length === 0) return first;
  throw usageError(
    `Logged in to ${known.length} platforms: ${known.join(', ')}.`,
    'Choose one with --api URL or PAAS_API.',
  );
}
