import { access, constants, mkdir, writeFile } from 'node:fs/promises';
import { basename, delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Environment } from '../config/environment.ts';
import { PlatformError } from '../domain/errors.ts';
import { usualRemote } from './app-resolution.ts';
import type { Answer } from './client.ts';
import { authorKnown, runGit } from './git.ts';
import { addAppRemote } from './git-remote.ts';
import { readText } from './http.ts';
import { sampleApp } from './sample-app.ts';
import type { Session } from './session.ts';
import { harmless, shellQuote } from './terminal-text.ts';

type App = Answer<'POST /apps'>;

const answerWithinMs = 30_000;

/** The steps of a first push. Each step shows the command that a user would type. */
export class Demo {
  readonly #session: Session;
  readonly #folder: string;

  constructor(session: Session, folder: string) {
    this.#session = session;
    this.#folder = folder;
  }

  async write(): Promise<void> {
    const shown = this.#shownFolder();
    this.#note('A small Node.js app, in a new folder:');
    this.#showCommand(`mkdir -p ${shellQuote(shown)} && cd ${shellQuote(shown)}`);
    await mkdir(this.#folder, { recursive: true });
    const files = sampleApp(
      basename(this.#folder)
        .toLowerCase()
        .replace(/[^a-z0-9-]/g, '-'),
    );
    for (const [name, text] of Object.entries(files)) await writeFile(join(this.#folder, name), text);
    this.#note(`Written: ${Object.keys(files).join(', ')}`);
    await this.#git('init', '-q', '-b', 'main');
    await this.#git('add', '.');
    if (!(await authorKnown({ env: this.#session.io.env, cwd: this.#folder }))) {
      // A commit needs an author. Where git knows none, the demo sets one for this folder.
      await this.#git('config', 'user.name', 'paas demo');
      await this.#git('config', 'user.email', 'demo@example.com');
    }
    await this.#git('commit', '-q', '-m', 'A first version');
  }

  async create(): Promise<App> {
    const session = this.#session;
    const api = await session.api();
    this.#note('An app on the platform, and the git remote to push to:');
    if (!(await isOnPath(session.io.env))) {
      this.#showCommand(`alias paas=${shellQuote(fileURLToPath(new URL('../../src/cli/paas.cjs', import.meta.url)))}`);
    }
    const app = await api.call('POST /apps', { body: {} });
    this.#showCommand(`paas create ${app.name}`);
    await addAppRemote(session, app, { name: usualRemote, replace: false, folder: this.#folder });
    return app;
  }

  async push(): Promise<void> {
    this.#note('The push, which builds it, starts it and lets visitors in:');
    await this.#git('push', usualRemote, 'main');
  }

  async visit(app: App): Promise<string> {
    if (app.web_url === null) throw new PlatformError('not_found', `${app.name} has no address.`);
    this.#note('It answers:');
    this.#showCommand(`curl ${app.web_url}`);
    const body = await firstAnswer(this.#session, app.web_url);
    this.#session.note(harmless(body).trimEnd());
    this.#note(`Go on in ${this.#shownFolder()}. Change server.js, then: git commit -am "A change" && git push ${usualRemote} main
Or try: paas logs --tail, paas ps:scale web=3, paas config:set GREETING=Hi, paas run bash
When you have seen enough: paas destroy ${app.name}`);
    return body;
  }

  #shownFolder(): string {
    const { cwd } = this.#session.io;
    return this.#folder.startsWith(`${cwd}/`) ? this.#folder.slice(cwd.length + 1) : this.#folder;
  }

  #note(text: string): void {
    this.#session.note(`\n${text}`);
  }

  #showCommand(line: string): void {
    this.#session.note(this.#session.errorStyle.paint('bold', `$ ${line}`));
  }

  async #git(...args: string[]): Promise<void> {
    this.#showCommand(['git', ...args].map(shellQuote).join(' '));
    const code = await runGit(this.#session.io, args, this.#folder);
    if (code === 0) return;
    throw new PlatformError('build_failed', `git ${args[0]} ended with exit code ${code}: see its output above.`, {
      hint: `The sample app is in ${this.#folder}. See also: paas doctor`,
    });
  }
}

/** Whether a shell outside npx finds `paas`. */
async function isOnPath(env: Environment): Promise<boolean> {
  const folders = (env.PATH ?? '').split(delimiter).filter((folder) => !folder.includes('node_modules'));
  const found = await Promise.all(
    folders.map((folder) =>
      access(join(folder, 'paas'), constants.X_OK).then(
        () => true,
        () => false,
      ),
    ),
  );
  return found.includes(true);
}

async function firstAnswer(session: Session, address: string): Promise<string> {
  const http = await session.http();
  const url = new URL(address);
  const end = performance.now() + answerWithinMs;
  for (;;) {
    try {
      const response = await http.send({ method: 'GET', url, timeoutMs: 5000, signal: session.io.signal });
      const body = await readText(response);
      if (response.statusCode === 200) return body;
      if (performance.now() > end) {
        throw new PlatformError('start_failed', `${address} answers ${response.statusCode}.`, {
          hint: 'See: paas logs',
        });
      }
    } catch (error) {
      if (!(error instanceof PlatformError) || !error.retryable || performance.now() > end) throw error;
    }
    await sleep(100, undefined, { signal: session.io.signal });
  }
}
