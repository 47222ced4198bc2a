import { findCredential, parseApiUrl, readCredentials } from '../config/credentials.ts';
import { PlatformError } from '../domain/errors.ts';
import type { AppFlags } from './app-resolution.ts';
import type { ApiClient } from './client.ts';
import { printWarning, usageError } from './errors.ts';
import type { Http } from './http.ts';
import type { Io } from './io.ts';
import { type Progress, withProgress } from './progress.ts';
import { json } from './render.ts';
import { harmless, type Style, styleOf } from './terminal-text.ts';

/** Where the API is when nothing says otherwise: the platform on this machine, at its default port. */
export const defaultApiUrl = 'http://127.0.0.1:7080';

export interface Platform {
  readonly apiUrl: string;
  readonly token: string | undefined;
  /** A token given by PAAS_TOKEN is used, and never written down as a login. */
  readonly remembered: boolean;
}

/** One command's run: who asks which platform, and where the answer goes. */
export class Session {
  readonly io: Io;
  /** Of stdout and of stderr: each may be a terminal or not. */
  readonly style: Style;
  readonly errorStyle: Style;
  /** `--json`: stdout carries one JSON document (of a stream: one per line). */
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

  /** What the command line said for every command. */
  configure(flags: { readonly api?: string; readonly json?: boolean }): void {
    this.#apiFlag = flags.api;
    this.json = flags.json ?? false;
  }

  /** `--api`, PAAS_API, the only platform logged in to, or the one on this machine. */
  platform(): Platform {
    const { env } = this.io;
    const said = this.#apiFlag ?? env.PAAS_API;
    const apiUrl = said ? parseApiUrl(said) : onlyPlatform(Object.keys(readCredentials(env)));
    if (env.PAAS_TOKEN) return { apiUrl, token: env.PAAS_TOKEN, remembered: false };
    return { apiUrl, token: findCredential(env, apiUrl)?.token, remembered: true };
  }

  /** The API as the user. Throws `unauthorized` when there is no token. */
  api(): Promise<ApiClient> {
    this.#api ??= this.#connect();
    return this.#api;
  }

  /** The API at `apiUrl` with this token or none: to try a token, or to ask what is open to all. */
  async apiAt(apiUrl: string, token?: string): Promise<ApiClient> {
    const [{ ApiClient }, http] = await Promise.all([import('./client.ts'), this.http()]);
    return new ApiClient({ url: new URL(apiUrl), token, http, signal: this.io.signal });
  }

  async #connect(): Promise<ApiClient> {
    const { apiUrl, token } = this.platform();
    if (token !== undefined) return this.apiAt(apiUrl, token);
    throw new PlatformError('unauthorized', `Not logged in to ${apiUrl}.`, {
      hint:
        apiUrl === defaultApiUrl
          ? 'On this machine, npm start sets the platform up and logs its user in. Elsewhere: paas login --api URL'
          : `Log in with: paas login --api ${apiUrl}`,
    });
  }

  async http(): Promise<Http> {
    this.#http ??= import('./http.ts').then(({ Http }) => new Http(this.io.env));
    return this.#http;
  }

  /** The app that is meant: by flag, environment or git remote. */
  async app(flags: AppFlags): Promise<string> {
    const { resolveApp } = await import('./app-resolution.ts');
    return resolveApp(this.io, flags);
  }

  progress<T>(title: string, work: (progress: Progress) => Promise<T>): Promise<T> {
    return withProgress(this.io, title, work);
  }

  /** Data, on stdout: to a program the very bytes, to a terminal none that could command it. */
  print(text: string): void {
    this.io.stdout.write(`${this.io.stdout.isTTY ? harmless(text, { colours: true }) : text}\n`);
  }

  printJson(value: unknown): void {
    this.print(json(value));
  }

  /** For a person, on stderr. */
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
    'Say which one with --api URL or PAAS_API.',
  );
}
