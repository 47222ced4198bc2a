import { execFile, spawn } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { nameBytes, nameOf } from '../../src/domain/file-name.ts';
import type { SourceEntry, SourceTree } from '../../src/domain/push.ts';

const run = promisify(execFile);

/** A file's text, or its text and mode; null removes the file. Names are as `nameOf` makes them. */
export type SourceFiles = Readonly<
  Record<string, string | Buffer | { readonly text: string | Buffer; readonly mode: number } | null>
>;

/** A real git repository in a temporary folder, and its commits as the builder sees them. */
export class GitSource implements AsyncDisposable {
  readonly dir: string;

  static async create(): Promise<GitSource> {
    const dir = await mkdtemp(join(tmpdir(), 'paas-source-'));
    const source = new GitSource(dir);
    await source.git('init', '--quiet', '--initial-branch=main');
    return source;
  }

  private constructor(dir: string) {
    this.dir = dir;
  }

  /** Changes files, commits all, and returns the commit. */
  async commit(files: SourceFiles): Promise<SourceTree> {
    for (const [path, content] of Object.entries(files)) {
      const file = nameBytes(`${this.dir}/${path}`);
      await mkdir(file.subarray(0, file.lastIndexOf('/')), { recursive: true });
      if (content === null) await rm(file, { recursive: true, force: true });
      else if (typeof content === 'object' && !Buffer.isBuffer(content))
        await writeFile(file, content.text, { mode: content.mode });
      else await writeFile(file, content);
    }
    await this.git('add', '--all', '--force');
    await this.git('commit', '--quiet', '--allow-empty', '--message', 'change');
    return await this.head();
  }

  async head(): Promise<SourceTree> {
    const [commit = '', treeId = ''] = (await this.git('rev-parse', 'HEAD', 'HEAD^{tree}')).trim().split('\n');
    const { dir } = this;
    const bytes = this.#bytes.bind(this);
    const entries = parseListing(nameOf(await this.#bytes('ls-tree', '-r', '-l', '-z', commit)));
    return {
      commit,
      treeId,
      list: async () => entries,
      async readFile(path) {
        const entry = entries.find((candidate) => candidate.path === path && candidate.mode.startsWith('100'));
        if (!entry) return null;
        return await bytes('cat-file', 'blob', entry.objectId);
      },
      async readLink(path) {
        const entry = entries.find((candidate) => candidate.path === path && candidate.mode === '120000');
        return entry ? nameOf(await bytes('cat-file', 'blob', entry.objectId)) : null;
      },
      async archive(signal) {
        const git = spawn('git', ['-C', dir, 'archive', '--format=tar', commit], {
          signal,
          stdio: ['ignore', 'pipe', 'inherit'],
        });
        git.on('error', () => undefined);
        return git.stdout;
      },
    };
  }

  async git(...args: readonly string[]): Promise<string> {
    const identity = ['-c', 'user.name=test', '-c', 'user.email=test@example.com', '-c', 'core.autocrlf=false'];
    const { stdout } = await run('git', ['-C', this.dir, ...identity, ...args], { maxBuffer: 64 * 1024 * 1024 });
    return stdout;
  }

  async #bytes(...args: readonly string[]): Promise<Buffer> {
    const { stdout } = await run('git', ['-C', this.dir, ...args], { encoding: 'buffer', maxBuffer: 64 * 1024 * 1024 });
    return stdout;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.dir, { recursive: true, force: true });
  }
}

function parseListing(text: string): readonly SourceEntry[] {
  return text
    .split('\0')
    .filter((line) => line !== '')
    .map((line) => {
      const tab = line.indexOf('\t');
      const [head, path] = [line.slice(0, tab), line.slice(tab + 1)];
      const [mode = '', , objectId = '', size = '0'] = head.split(/ +/);
      return { path, mode, objectId, sizeBytes: size === '-' ? 0 : Number(size) };
    });
}
