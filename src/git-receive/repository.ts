import { join } from 'node:path';
import { PlatformError } from '../domain/errors.ts';
import { type GitCommand, gitArguments } from './git-command.ts';
import { configEnvironment, gitConfig } from './git-config.ts';
import { GitProcess } from './git-process.ts';
import type { GitUser } from './git-user.ts';
import type { GitLimits } from './limits.ts';

export interface GitSetup {
  readonly repos: string;
  readonly hooks: string;
  readonly runtime: string;
  readonly hookSocket: string;
  readonly user: GitUser | null;
  readonly prlimit: boolean;
  readonly limits: GitLimits;
}

export interface ReadOptions {
  readonly maxBytes: number;
  readonly signal?: AbortSignal;
}

const appId = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
/** git's name for the folder that holds a push's objects until the push is accepted. */
const quarantineFolder = /^(?:tmp_objdir-)?incoming-[A-Za-z0-9]{6}$/;

/** An app's bare repository. All git commands on it go through here. */
export class Repository {
  readonly path: string;
  readonly #setup: GitSetup;
  readonly #quarantine: Readonly<Record<string, string>>;

  /** `id` is the app's id from the store, never a part of a URL. */
  constructor(setup: GitSetup, id: string, quarantine: Readonly<Record<string, string>> = {}) {
    if (!appId.test(id)) throw new PlatformError('internal', `Not an app's id: ${JSON.stringify(id)}`);
    this.path = join(setup.repos, `${id}.git`);
    this.#setup = setup;
    this.#quarantine = quarantine;
    this.id = id;
  }

  readonly id: string;

  /** The same repository, together with the objects of a push that is not accepted yet. */
  inQuarantine(folder: string): Repository {
    if (!quarantineFolder.test(folder)) {
      throw new PlatformError('internal', `Not a quarantine folder: ${JSON.stringify(folder)}`);
    }
    const objects = join(this.path, 'objects');
    return new Repository(this.#setup, this.id, {
      GIT_OBJECT_DIRECTORY: join(objects, folder),
      GIT_ALTERNATE_OBJECT_DIRECTORIES: objects,
      // With this set git refuses to move a ref, because these objects may still be discarded.
      GIT_QUARANTINE_PATH: join(objects, folder),
    });
  }

  /** Starts git in this repository. `args` are constants or come from `gitArguments`. */
  start(args: readonly string[], env: Readonly<Record<string, string>> = {}): GitProcess {
    const { user, prlimit, limits } = this.#setup;
    return new GitProcess({
      args: [`--git-dir=${this.path}`, ...args],
      env: { ...this.#environment(), ...this.#quarantine, ...env },
      user,
      prlimit,
      killGraceMs: limits.killGraceMs,
    });
  }

  /** Starts `git receive-pack` or `git upload-pack`, which take the repository as an argument. */
  serve(service: string, options: readonly string[], env: Readonly<Record<string, string>> = {}): GitProcess {
    const { user, prlimit, limits } = this.#setup;
    return new GitProcess({
      args: [service, ...options, this.path],
      env: { ...this.#environment(), ...env },
      user,
      prlimit,
      killGraceMs: limits.killGraceMs,
    });
  }

  /**
   * The whole output of a short command. Throws `too_large` over `maxBytes`, `timeout`, `cancelled`, and `internal`
   * with git's standard error when the command fails.
   */
  async read(command: GitCommand, options: ReadOptions): Promise<Buffer> {
    const chunks: Buffer[] = [];
    let bytes = 0;
    for await (const chunk of this.stream(command, options)) {
      bytes += chunk.length;
      if (bytes > options.maxBytes) {
        throw new PlatformError('too_large', `git ${command.name} gave more than ${options.maxBytes} bytes.`);
      }
      chunks.push(chunk);
    }
    return Buffer.concat(chunks);
  }

  /** A command's output as it comes. Leaving the loop early ends git. Throws as `read` does, without `too_large`. */
  async *stream(command: GitCommand, { signal }: Pick<ReadOptions, 'signal'>): AsyncGenerator<Buffer> {
    const git = this.start(gitArguments(command));
    git.stdin.end();
    const deadline = AbortSignal.timeout(this.#setup.limits.readMs);
    const stop = AbortSignal.any(signal ? [deadline, signal] : [deadline]);
    const end = () => void git.end();
    stop.addEventListener('abort', end, { once: true });
    if (stop.aborted) end();
    try {
      for await (const chunk of git.stdout) yield chunk as Buffer;
      const { code } = await git.exited;
      if (signal?.aborted) throw new PlatformError('cancelled', `git ${command.name} was cancelled.`);
      if (deadline.aborted) {
        const seconds = this.#setup.limits.readMs / 1000;
        throw new PlatformError('timeout', `git ${command.name} took longer than ${seconds} s.`);
      }
      if (code !== 0) throw new PlatformError('internal', `git ${command.name} failed (${code}): ${git.stderr}`);
    } finally {
      stop.removeEventListener('abort', end);
      await git.end();
    }
  }

  #environment(): Readonly<Record<string, string>> {
    const { hooks, runtime, hookSocket, limits } = this.#setup;
    return {
      // The runtime comes first, so that the hook runs on the platform's own `node`.
      PATH: `${runtime}:/usr/local/bin:/usr/bin:/bin`,
      HOME: '/nonexistent',
      LC_ALL: 'C',
      GIT_CONFIG_NOSYSTEM: '1',
      GIT_CONFIG_GLOBAL: '/dev/null',
      GIT_ATTR_NOSYSTEM: '1',
      GIT_TERMINAL_PROMPT: '0',
      GIT_NO_REPLACE_OBJECTS: '1',
      PAAS_HOOK_SOCKET: hookSocket,
      ...configEnvironment(gitConfig({ repository: this.path, hooksPath: hooks, packBytes: limits.packBytes })),
    };
  }
}
