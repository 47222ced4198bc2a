import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { environment } from '../../src/config/environment.ts';

export interface GitResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stdoutBytes: Buffer;
  readonly stderr: string;
}

export interface GitRun {
  readonly result: Promise<GitResult>;
  /** The output on stderr so far. */
  readonly stderr: () => string;
  /** Sends a signal to git and the programs it started, as Ctrl-C in a terminal does. */
  kill(signal: 'SIGINT' | 'SIGKILL' | 'SIGSTOP' | 'SIGCONT'): void;
}

export interface GitOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string | Buffer;
  readonly cwd?: string;
}

/**
 * A user's repository with the real git, in its own home: the git configuration of the machine and of the developer is not
 * used. `await using repo = await GitRepo.create()`.
 */
export class GitRepo implements AsyncDisposable {
  /** Contains the user's home and the repository. */
  readonly root: string;
  readonly dir: string;

  private constructor(root: string) {
    this.root = root;
    this.dir = join(root, 'repo');
  }

  static async create(): Promise<GitRepo> {
    const repo = new GitRepo(await mkdtemp(join(tmpdir(), 'paas-git-repo-')));
    await mkdir(join(repo.root, 'home'));
    await mkdir(repo.dir);
    await repo.must('init', '-q', '-b', 'main');
    return repo;
  }

  /** Commits these files on top of the existing ones; null removes a file. Returns the id of the commit. */
  async commit(files: Readonly<Record<string, string | Buffer | null>>, message = 'Change'): Promise<string> {
    for (const [path, content] of Object.entries(files)) {
      const target = join(this.dir, path);
      await mkdir(dirname(target), { recursive: true });
      if (content === null) await rm(target, { recursive: true, force: true });
      else await writeFile(target, content);
    }
    await this.must('add', '-A');
    await this.must('commit', '-q', '--allow-empty', '-m', message);
    return await this.must('rev-parse', 'HEAD');
  }

  /** Saves a password for a server, as `paas login` does. */
  async login(origin: string, token: string): Promise<void> {
    const url = new URL(origin);
    const file = join(this.root, 'home', 'credentials');
    await writeFile(file, `${url.protocol}//paas:${token}@${url.host}\n`, { mode: 0o600 });
    await this.must('config', '--global', 'credential.helper', `store --file=${file}`);
  }

  /** Runs git to its end, with any exit code. */
  git(...args: readonly string[]): Promise<GitResult> {
    return this.start(args).result;
  }

  /** Runs git, which must succeed. Returns its output without the last newline. */
  async must(...args: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await this.git(...args);
    if (code !== 0) throw new Error(`git ${args.join(' ')} ended with ${code}:\n${stderr}`);
    return stdout.trimEnd();
  }

  start(args: readonly string[], { env = {}, input, cwd = this.dir }: GitOptions = {}): GitRun {
    const child = spawn('git', args, {
      cwd,
      env: { ...this.#env(), ...env },
      detached: true,
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    const stdout: Buffer[] = [];
    let stderr = '';
    child.stdin.on('error', () => {});
    child.stdin.end(input ?? '');
    child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => {
      stderr += chunk.toString();
    });
    const result = new Promise<GitResult>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code) => {
        const stdoutBytes = Buffer.concat(stdout);
        resolve({ code, stdout: stdoutBytes.toString(), stdoutBytes, stderr });
      });
    });
    return {
      result,
      stderr: () => stderr,
      kill: (signal) => {
        if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, signal);
      },
    };
  }

  #env(): Readonly<Record<string, string>> {
    const home = join(this.root, 'home');
    return {
      PATH: environment().PATH ?? '/usr/bin:/bin',
      HOME: home,
      XDG_CONFIG_HOME: join(home, '.config'),
      GIT_CONFIG_NOSYSTEM: '1',
      GIT_CONFIG_GLOBAL: join(home, '.gitconfig'),
      GIT_TERMINAL_PROMPT: '0',
      GIT_AUTHOR_NAME: 'Ada',
      GIT_AUTHOR_EMAIL: 'ada@example.com',
      GIT_COMMITTER_NAME: 'Ada',
      GIT_COMMITTER_EMAIL: 'ada@example.com',
      LC_ALL: 'C.UTF-8',
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.root, { recursive: true, force: true });
  }
}
