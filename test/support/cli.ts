import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { promisify } from 'node:util';
import type { Input, Io, Output } from '../../src/cli/io.ts';
import { run } from '../../src/cli/run.ts';
import { saveCredential } from '../../src/config/credentials.ts';
import { type Environment, environment } from '../../src/config/environment.ts';

export interface CliResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CliOptions {
  readonly cwd?: string;
  readonly env?: Environment;
  readonly input?: string | Buffer | Input;
  readonly signal?: AbortSignal;
  readonly now?: Date;
  /** Makes the streams a terminal with this colour depth. */
  readonly terminal?: { readonly colourDepth: number; readonly columns?: number };
}

/** A user: a folder, a home and the `paas` command, run in this process. */
export class CliUser implements AsyncDisposable {
  readonly home: string;
  readonly env: Environment;

  private constructor(home: string) {
    this.home = home;
    this.env = {
      PATH: environment().PATH,
      HOME: home,
      XDG_CONFIG_HOME: join(home, '.config'),
      GIT_CONFIG_NOSYSTEM: '1',
      GIT_CEILING_DIRECTORIES: tmpdir(),
    };
  }

  static async create(): Promise<CliUser> {
    return new CliUser(await mkdtemp(join(tmpdir(), 'paas-cli-')));
  }

  /** As after `paas login`. */
  logIn(apiUrl: string, token: string, email = 'ada@example.com'): void {
    saveCredential(this.env, { email, token }, { apiUrl, gitOrigins: [] });
  }

  async paas(args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
    const stdout = new Recorder(options.terminal);
    const stderr = new Recorder(options.terminal);
    const code = await run(args, this.io(stdout, stderr, options));
    return { code, stdout: stdout.text, stderr: stderr.text };
  }

  /** The same, but returns while the command runs, so that its output can be read. */
  start(args: readonly string[], options: CliOptions = {}) {
    const stdout = new Recorder(options.terminal);
    const stderr = new Recorder(options.terminal);
    const stop = new AbortController();
    const ended = run(args, this.io(stdout, stderr, { signal: stop.signal, ...options }));
    return { stdout, stderr, ended, stop: () => stop.abort() };
  }

  /** Runs a command with one of its outputs replaced, and returns the exit code. */
  runOn(outputs: { readonly stdout?: Output; readonly stderr?: Output }, args: readonly string[]): Promise<number> {
    const { stdout = new Recorder(), stderr = new Recorder() } = outputs;
    return run(args, this.io(stdout, stderr, {}));
  }

  async git(cwd: string, ...args: readonly string[]): Promise<string> {
    const env = { ...this.env, GIT_TERMINAL_PROMPT: '0' } as NodeJS.ProcessEnv;
    return (await promisify(execFile)('git', args, { cwd, env })).stdout.trim();
  }

  /** An empty git repository below this user's home. */
  async repository(name = 'repo'): Promise<string> {
    await this.git(this.home, 'init', '-q', '-b', 'main', name);
    return join(this.home, name);
  }

  private io(stdout: Output, stderr: Output, options: CliOptions): Io {
    const { input = '' } = options;
    return {
      stdin: typeof input === 'string' || Buffer.isBuffer(input) ? Readable.from([Buffer.from(input)]) : input,
      stdout,
      stderr,
      env: { ...this.env, ...options.env },
      cwd: options.cwd ?? this.home,
      signal: options.signal ?? new AbortController().signal,
      now: () => options.now ?? new Date(),
    };
  }

  async [Symbol.asyncDispose]() {
    await rm(this.home, { recursive: true, force: true });
  }
}

/** A stream that keeps what is written to it. With the traits of a terminal, it acts as one. */
export class Recorder extends PassThrough {
  readonly isTTY: boolean;
  readonly columns: number | undefined;
  readonly getColorDepth: () => number;
  readonly #chunks: Buffer[] = [];

  constructor(terminal?: { readonly colourDepth: number; readonly columns?: number }) {
    super();
    this.isTTY = terminal !== undefined;
    this.columns = terminal && (terminal.columns ?? 120);
    this.getColorDepth = () => terminal?.colourDepth ?? 1;
    this.on('data', (chunk: Buffer) => this.#chunks.push(chunk));
  }

  get text(): string {
    return Buffer.concat(this.#chunks).toString('utf8');
  }
}
