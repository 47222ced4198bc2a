import type { GeneratedAlways } from 'kysely';
import type { TokenScope } from '../domain/actor.ts';
import type { AppNetworkKind } from '../domain/app-network.ts';
import type { BuilderKind, BuildState } from '../domain/build.ts';
import type { ConfigVarSource } from '../domain/config-vars.ts';
import type { EventKind } from '../domain/event.ts';
import type { HostRole, HostState } from '../domain/host.ts';
import type { InstanceDesired, InstanceState, StopReason, Workload } from '../domain/instance.ts';
import type { PromisedName } from '../domain/names.ts';
import type { ReleaseCause, ReleaseStatus } from '../domain/release.ts';

/**
 * The tables as the queries see them (columns are snake_case in the file, see migrations/). Moments are ISO 8601 text
 * in UTC, which sorts; truth is 0 or 1; lists and records are JSON text; `sealed…` is ciphertext.
 */
export interface Schema {
  readonly accounts: Numbered<AccountRow>;
  readonly tokens: Numbered<TokenRow>;
  readonly apps: AppRow;
  readonly dataKeys: DataKeyRow;
  readonly configVars: ConfigVarRow;
  readonly pushes: Numbered<PushRow>;
  readonly builds: Numbered<BuildRow>;
  readonly artifacts: Numbered<ArtifactRow>;
  readonly releases: ReleaseRow;
  readonly traffic: TrafficRow;
  readonly formations: FormationRow;
  readonly hostGroups: HostGroupRow;
  readonly hosts: HostRow;
  readonly appNetworks: AppNetworkRow;
  readonly allowedNetworks: AllowedNetworkRow;
  readonly oneOffs: OneOffRow;
  readonly instances: Numbered<InstanceRow>;
  readonly domains: Numbered<DomainRow>;
  readonly names: NameRow;
  readonly events: Numbered<EventRow>;
  readonly settings: SettingRow;
}

/** A table whose rows are ordered by age: the database gives `seq`, which grows from commit to commit. */
type Numbered<Row> = Omit<Row, 'seq'> & { readonly seq: GeneratedAlways<number> };

/** A row of such a table before it is written. */
export type Unnumbered<Row> = Omit<Row, 'seq'>;

export type Moment = string;
export type Truth = 0 | 1;

export interface AccountRow {
  seq: number;
  id: string;
  email: string;
  createdAt: Moment;
  updatedAt: Moment;
}

export interface TokenRow {
  seq: number;
  id: string;
  accountId: string;
  prefix: string;
  sha256: string;
  description: string;
  scope: TokenScope;
  createdAt: Moment;
  lastUsedAt: Moment | null;
  expiresAt: Moment | null;
}

export interface AppRow {
  id: string;
  name: string;
  ownerId: string;
  maintenance: Truth;
  cacheGeneration: number;
  uid: number;
  createdAt: Moment;
  updatedAt: Moment;
}

export interface DataKeyRow {
  id: string;
  appId: string;
  rootKeyId: string;
  wrapped: string;
  createdAt: Moment;
}

export interface ConfigVarRow {
  appId: string;
  name: string;
  version: number;
  sealed: string;
  source: ConfigVarSource;
}

export interface PushRow {
  seq: number;
  id: string;
  appId: string;
  ref: string;
  oldCommit: string | null;
  newCommit: string;
  accountId: string;
  createdAt: Moment;
}

export interface BuildRow {
  seq: number;
  id: string;
  appId: string;
  pushId: string | null;
  commit: string;
  treeId: string;
  state: BuildState;
  reason: string | null;
  artifactId: string | null;
  worker: number | null;
  createdAt: Moment;
  startedAt: Moment | null;
  endedAt: Moment | null;
}

export interface ArtifactRow {
  seq: number;
  id: string;
  appId: string;
  imageId: string;
  digest: string | null;
  cacheKey: string;
  builder: BuilderKind;
  builderName: string;
  processes: string;
  launcher: string | null;
  user: string;
  init: string | null;
  exposedPorts: string;
  sizeBytes: number;
  createdAt: Moment;
}

export interface ReleaseRow {
  id: string;
  appId: string;
  version: number;
  artifactId: string | null;
  cause: ReleaseCause;
  description: string;
  accountId: string;
  status: ReleaseStatus;
  sealedConfig: string;
  createdAt: Moment;
}

export interface TrafficRow {
  appId: string;
  releaseId: string;
  weight: number;
}

export interface FormationRow {
  appId: string;
  type: string;
  quantity: number;
  reservedCloudlets: number;
  limitCloudlets: number;
  updatedAt: Moment;
}

export interface HostGroupRow {
  id: string;
  name: string;
  createdAt: Moment;
}

export interface HostRow {
  id: string;
  name: string;
  groupId: string;
  role: HostRole;
  address: string | null;
  cpus: number;
  memoryBytes: number;
  cloudlets: number;
  promisable: number;
  deployReserve: number;
  labels: string;
  state: HostState;
  createdAt: Moment;
  seenAt: Moment | null;
}

export interface AllowedNetworkRow {
  appId: string;
  network: string;
  createdAt: string;
}

export interface AppNetworkRow {
  appId: string;
  hostId: string;
  kind: AppNetworkKind;
  networkId: string;
}

export interface InstanceRow {
  seq: number;
  id: string;
  appId: string;
  workloadKind: Workload['kind'];
  /** Of the two, the one of the workload's kind is set. */
  releaseId: string | null;
  serviceId: string | null;
  hostId: string;
  type: string;
  slot: number;
  reservedCloudlets: number;
  limitCloudlets: number;
  command: string | null;
  desired: InstanceDesired;
  stopReason: StopReason | null;
  notBefore: Moment | null;
  failures: number;
  state: InstanceState;
  containerId: string | null;
  address: string | null;
  port: number | null;
  exitCode: number | null;
  reason: string | null;
  createdAt: Moment;
  startedAt: Moment | null;
  upAt: Moment | null;
  endedAt: Moment | null;
}

export interface OneOffRow {
  instanceId: string;
  appId: string;
  attach: Truth;
  tty: Truth;
  sealedEnv: string;
  columns: number | null;
  rows: number | null;
  createdAt: Moment;
  deadline: Moment;
}

export interface DomainRow {
  seq: number;
  id: string;
  appId: string;
  hostname: string;
  createdAt: Moment;
}

export interface NameRow {
  name: string;
  state: PromisedName['state'];
  accountId: string;
  createdAt: Moment;
}

export interface EventRow {
  seq: number;
  id: string;
  kind: EventKind;
  at: Moment;
  appId: string | null;
  accountId: string;
  actorEmail: string;
  requestId: string | null;
  data: string;
}

export interface SettingRow {
  name: string;
  value: string;
}
