import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createAuthenticator } from '../../src/api/authenticate.ts';
import type { PlatformStatus } from '../../src/api/contract.ts';
import { Entrance } from '../../src/api/entrance.ts';
import { type EntranceLimits, entranceLimits } from '../../src/api/entrance-limits.ts';
import { type Api, type ApiDeps, createApi } from '../../src/api/server.ts';
import { paths, readSettings, type Settings } from '../../src/config/settings.ts';
import type { Actor, TokenScope } from '../../src/domain/actor.ts';
import type { App } from '../../src/domain/app.ts';
import { fixedSize } from '../../src/domain/instance-size.ts';
import type { AppLog } from '../../src/domain/log-line.ts';
import type { Release } from '../../src/domain/release.ts';
import type { Store } from '../../src/domain/store.ts';
import { mintToken } from '../../src/domain/token.ts';
import { createAppLog } from '../../src/reporting/app-log.ts';
import { sqliteDatabase } from '../../src/store/sqlite.ts';
import { openStoreIn } from '../../src/store/store.ts';
import { type Clock, systemClock } from '../../src/system/clock.ts';
import { silentLogger } from '../../src/system/logger.ts';
import { putHost } from './hosts.ts';
import { type StoreOperations, storeOperations } from './store-operations.ts';

/** A user with an account and a token. */
export interface Person {
  readonly actor: Actor;
  readonly token: string;
}

export interface Answered {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: an answer is what the test says it is; a wrong guess fails there
  readonly json: any;
}

export interface Asking {
  readonly token?: string | null;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/** The real API on a real store and real sockets, with two independent users. */
export interface ApiFixture extends AsyncDisposable {
  readonly api: Api;
  readonly entrance: Entrance;
  readonly url: string;
  readonly port: number;
  readonly settings: Settings;
  readonly store: Store;
  readonly appLog: AppLog;
  readonly operations: StoreOperations;
  readonly owner: Person;
  readonly stranger: Person;
  /** As the owner, unless a token (or null for none) is given. */
  ask(method: string, path: string, asking?: Asking): Promise<Answered>;
  newApp(name: string): Promise<App>;
  /** Creates a release whose artifact has the processes `web` and `worker`, with their formation. */
  deploy(app: App): Promise<Release>;
  signUp(email: string): Promise<Person>;
  /** Another token of the user, with a smaller scope. */
  tokenOf(person: Person, scope: TokenScope): Promise<string>;
}

export const sampleStatus: PlatformStatus = {
  platform_id: 'test',
  version: '0.1.0',
  domain: 'localhost',
  started_at: '2026-11-22T07:30:10.000Z',
  parts: [
    { name: 'engine', state: 'up', version: 'Docker 20.10.24', detail: null },
    { name: 'resolver', state: 'up', version: null, detail: null },
  ],
  capacity: {
    cloudlets_total: 64,
    cloudlets_promisable: 96,
    cloudlets_promised: 4,
    cloudlets_kept: 4,
    overcommit: 1.5,
    memory_total_bytes: 24 * 2 ** 30,
    memory_free_bytes: 20 * 2 ** 30,
    cloudlet_memory_bytes: 134217728,
    cloudlet_cpu_mhz: 400,
  },
  checks: [],
};

export async function startApi(
  overrides: Partial<ApiDeps> & { readonly limits?: Partial<EntranceLimits> } = {},
  flags: Readonly<Record<string, string>> = {},
  databaseAt = sqliteDatabase,
): Promise<ApiFixture> {
  const home = await mkdtemp(join(tmpdir(), 'paas-api-'));
  const settings = readSettings({}, { home, api_port: '0', ...flags });
  const store = await openStoreIn(databaseAt(paths(home).state), { keysDir: paths(home).keys });
  await putHost(store, { id: 'host-1' });
  const appLog = createAppLog({ dir: paths(home).logs, bytesPerApp: settings.logBytesPerApp });
  const operations = storeOperations(store, settings.domain);
  const { limits = {}, ...parts } = overrides;
  const entrance = entranceTo(store, { ...entranceLimits(settings), ...limits }, overrides.clock);
  const api = createApi({
    entrance,
    store,
    operations,
    appLog,
    settings,
    status: async () => sampleStatus,
    capacity: async () => sampleStatus.capacity,
    memoryUse: async (instances) => new Map(instances.map(({ id, size }) => [id, size.reserved * 10 * 2 ** 20])),
    logger: silentLogger,
    ...parts,
  });
  const { port } = await api.listen();
  const url = `http://127.0.0.1:${port}`;
  const signUp = (email: string) => newPerson(store, email);
  const owner = await signUp('owner@example.com');
  const stranger = await signUp('stranger@example.com');
  return {
    api,
    entrance,
    url,
    port,
    settings,
    store,
    appLog,
    operations,
    owner,
    stranger,
    signUp,
    async tokenOf({ actor }, scope) {
      const made = await operations.createToken({ description: 'test', scope, expiresAt: null }, actor);
      return made.secret;
    },
    ask: (method, path, asking = {}) => ask(`${url}${path}`, method, { token: owner.token, ...asking }),
    newApp: (name) => operations.createApp(name, owner.actor),
    deploy: (app) => deploy(store, app, owner.actor),
    async [Symbol.asyncDispose]() {
      await api.close();
      await appLog.close();
      await store.close();
      await rm(home, { recursive: true, force: true });
    },
  };
}

export function entranceTo(store: Store, limits: EntranceLimits, clock: Clock = systemClock): Entrance {
  return new Entrance({ authenticator: createAuthenticator({ store, clock }), limits, logger: silentLogger });
}

/** Sends a request in the form of the command line. */
export async function ask(url: string, method: string, { token, body, headers }: Asking): Promise<Answered> {
  const response = await fetch(url, {
    method,
    headers: {
      Accept: 'application/vnd.heroku+json; version=3',
      ...(token ? { Authorization: `Bearer ${token}` } : {}),
      ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    redirect: 'manual',
  });
  const text = await response.text();
  const isJson = response.headers.get('content-type')?.startsWith('application/json') && text !== '';
  return { status: response.status, headers: response.headers, text, json: isJson ? JSON.parse(text) : undefined };
}

export async function newPerson(store: Store, email: string): Promise<Person> {
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
  return { token, actor: { accountId: account.id, email: account.email, tokenPrefix: prefix } };
}

async function deploy(store: Store, app: App, actor: Actor): Promise<Release> {
  const artifact = await store.artifacts.create({
    appId: app.id,
    imageId: `sha256:${'a'.repeat(64)}`,
    cacheKey: 'key',
    builder: 'buildpack',
    builderName: 'Node.js',
    processes: [
      { type: 'web', command: 'node server.js', args: ['web'] },
      { type: 'worker', command: 'node worker.js', args: ['worker'] },
    ],
    launcher: '/launch',
    user: '1000:1000',
    init: null,
    exposedPorts: [],
    sizeBytes: 12_345,
  });
  const release = await store.releases.create({
    appId: app.id,
    artifactId: artifact.id,
    cause: 'deploy',
    description: 'Deploy 3ab12cf',
    accountId: actor.accountId,
    config: await store.configVars.get(app.id),
  });
  await store.releases.setStatus(release.id, 'succeeded');
  await store.traffic.switchAllTo(app.id, release.id);
  await store.formations.put({ appId: app.id, type: 'web', quantity: 1, size: fixedSize(4) });
  await store.formations.put({ appId: app.id, type: 'worker', quantity: 0, size: fixedSize(4) });
  return { ...release, status: 'succeeded' };
}
