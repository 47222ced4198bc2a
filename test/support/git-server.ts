import { randomUUID } from 'node:crypto';
import { chmod, mkdtemp, readdir, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Entrance } from '../../src/api/entrance.ts';
import { type EntranceLimits, entranceLimits } from '../../src/api/entrance-limits.ts';
import { paths, readSettings } from '../../src/config/settings.ts';
import type { Account } from '../../src/domain/actor.ts';
import type { App } from '../../src/domain/app.ts';
import type { Operations } from '../../src/domain/operations.ts';
import type { PushRequest } from '../../src/domain/push.ts';
import type { Release } from '../../src/domain/release.ts';
import type { Store } from '../../src/domain/store.ts';
import { mintToken } from '../../src/domain/token.ts';
import { createGitReceive, type GitReceive } from '../../src/git-receive/git-receive.ts';
import type { GitLimits } from '../../src/git-receive/limits.ts';
import { openStore } from '../../src/store/store.ts';
import { createLocalLeases } from '../../src/system/local-leases.ts';
import type { LogFields, Logger } from '../../src/system/logger.ts';
import { entranceTo } from './api.ts';
import { GitRepo } from './git-repo.ts';

export type Deploy = Operations['deployPush'];

export interface User {
  readonly account: Account;
  readonly token: string;
  readonly basic: string;
}

/**
 * The git door on a real HTTP server and a real store. The test defines what a deploy does (`deploy`). Disposing of it
 * removes everything that it made.
 */
export class GitServer implements AsyncDisposable {
  readonly home: string;
  readonly store: Store;
  readonly gitReceive: GitReceive;
  readonly ada: User;
  readonly log: RecordingLogger;
  /** Each requested deploy, in order. */
  readonly requests: PushRequest[] = [];
  deploy: Deploy = async (request, output) => {
    output.step('Launching...');
    output.detail('Released v2');
    const { name } = await this.store.apps.get(request.push.appId);
    output.detail(`http://${name}.localhost:8080/ deployed to paas`);
    return await this.release(request);
  };
  readonly #server: Server;
  readonly #entrance: Entrance;
  readonly #repos: GitRepo[] = [];

  private constructor(
    parts: { home: string; store: Store; ada: User; log: RecordingLogger },
    limits: Partial<GitLimits>,
    entranceChanges: Partial<EntranceLimits>,
  ) {
    this.home = parts.home;
    this.store = parts.store;
    this.ada = parts.ada;
    this.log = parts.log;
    const entrance = entranceTo(parts.store, {
      ...entranceLimits(readSettings({}, { home: parts.home })),
      ...entranceChanges,
    });
    this.gitReceive = createGitReceive({
      settings: { home: parts.home, domain: 'localhost' },
      store: parts.store,
      leases: createLocalLeases(),
      operations: {
        deployPush: (request, output, signal) => {
          this.requests.push(request);
          return this.deploy(request, output, signal);
        },
      },
      identify: (req, res) => entrance.identify(req, res, 'connection'),
      mayPush: (actor, app) => app.ownerId === actor.accountId,
      logger: parts.log,
      limits,
    });
    this.#server = createServer({ requestTimeout: 0 }, (req, res) => {
      if (entrance.begin(req, res, false)) void this.gitReceive.handle(req, res);
    });
    this.#server.on('connection', entrance.pool());
    this.#entrance = entrance;
  }

  static async start(
    limits: Partial<GitLimits> = {},
    entranceChanges: Partial<EntranceLimits> = {},
  ): Promise<GitServer> {
    const root = await mkdtemp(join(tmpdir(), 'paas-git-'));
    // git's user must be able to enter it.
    await chmod(root, 0o711);
    const home = join(root, 'home');
    const store = await openStore({ path: paths(home).state, keysDir: paths(home).keys });
    const ada = await newUser(store, 'ada@example.com');
    const server = new GitServer({ home, store, ada, log: new RecordingLogger() }, limits, entranceChanges);
    await server.gitReceive.listenHooks();
    await new Promise<void>((resolve) => server.#server.listen(0, '127.0.0.1', resolve));
    return server;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get origin(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  async newApp(owner: User = this.ada): Promise<App> {
    const app = await this.store.apps.create({ name: `a${randomUUID().slice(0, 12)}`, ownerId: owner.account.id });
    await this.gitReceive.createRepository(app.id);
    return app;
  }

  newUser(email: string): Promise<User> {
    return newUser(this.store, email);
  }

  /** A repository whose user is logged in and has the app as remote `paas`. */
  async clientOf(app: App, user: User = this.ada): Promise<GitRepo> {
    const repo = await GitRepo.create();
    this.#repos.push(repo);
    await repo.login(this.origin, user.token);
    await repo.must('remote', 'add', 'paas', `${this.origin}/${app.name}.git`);
    return repo;
  }

  repositoryOf(app: App): string {
    return join(paths(this.home).repos, `${app.id}.git`);
  }

  /** Runs git in the app's repository, without the door. */
  async inRepository(app: App, ...args: readonly string[]): Promise<string> {
    const repo = this.#repos[0] ?? (await this.clientOf(app));
    return await repo.must('-c', 'safe.directory=*', `--git-dir=${this.repositoryOf(app)}`, ...args);
  }

  /** Files below the app's objects folder. */
  async objectFiles(app: App): Promise<readonly string[]> {
    const found = await readdir(join(this.repositoryOf(app), 'objects'), { recursive: true, withFileTypes: true });
    return found.filter((entry) => !entry.isDirectory()).map((entry) => join(entry.parentPath, entry.name));
  }

  /** Creates the release row of a successful deploy. */
  async release({ push, actor }: PushRequest): Promise<Release> {
    return await this.store.releases.create({
      appId: push.appId,
      artifactId: null,
      cause: 'deploy',
      description: `Deploy ${push.newCommit.slice(0, 7)}`,
      accountId: actor.accountId,
      config: {},
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.gitReceive.close();
    this.#entrance.close();
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
    await this.store.close();
    for (const repo of this.#repos) await repo[Symbol.asyncDispose]();
    await rm(join(this.home, '..'), { recursive: true, force: true });
  }
}

async function newUser(store: Store, email: string): Promise<User> {
  const account = await store.accounts.create(email);
  const { token, prefix, sha256 } = mintToken();
  await store.tokens.create({
    accountId: account.id,
    prefix,
    sha256,
    description: 'test',
    scope: 'global',
    expiresAt: null,
  });
  return { account, token, basic: `Basic ${Buffer.from(`paas:${token}`).toString('base64')}` };
}

/** Keeps what was logged. */
export class RecordingLogger implements Logger {
  readonly lines: { readonly level: string; readonly message: string; readonly fields: LogFields }[];
  readonly #fields: LogFields;

  constructor(lines: RecordingLogger['lines'] = [], fields: LogFields = {}) {
    this.lines = lines;
    this.#fields = fields;
  }

  debug(message: string, fields?: LogFields): void {
    this.#keep('debug', message, fields);
  }

  info(message: string, fields?: LogFields): void {
    this.#keep('info', message, fields);
  }

  warn(message: string, fields?: LogFields): void {
    this.#keep('warn', message, fields);
  }

  error(message: string, fields?: LogFields): void {
    this.#keep('error', message, fields);
  }

  child(fields: LogFields): Logger {
    return new RecordingLogger(this.lines, { ...this.#fields, ...fields });
  }

  #keep(level: string, message: string, fields: LogFields = {}): void {
    this.lines.push({ level, message, fields: { ...this.#fields, ...fields } });
  }
}
