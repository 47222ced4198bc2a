import { type Kysely, sql } from 'kysely';
import type { ColumnWords } from '../database.ts';

/**
 * `seq` is given inside the transaction, and one transaction writes at a time, so it is the order of the commits. Ids
 * are not: several processes make them. Enumerations are guarded by types and not listed here, because a new word would
 * rebuild the table on SQLite.
 *
 * Without foreign key on purpose: accounts of releases, pushes and events (the platform itself acts too, and what
 * happened outlives who did it), and the app of an event (its audit outlives it).
 */
const statements = ({ seq, bytes, strict }: ColumnWords): readonly string[] => [
  `create table accounts (
    seq ${seq},
    id text not null unique,
    email text not null unique,
    created_at text not null,
    updated_at text not null
  ) ${strict}`,

  `create table tokens (
    seq ${seq},
    id text not null unique,
    account_id text not null references accounts (id) on delete cascade,
    prefix text not null,
    sha256 text not null unique,
    description text not null,
    scope text not null,
    created_at text not null,
    last_used_at text,
    expires_at text
  ) ${strict}`,
  'create index tokens_account on tokens (account_id)',

  `create table apps (
    id text not null primary key,
    name text not null unique,
    owner_id text not null references accounts (id),
    maintenance integer not null default 0 check (maintenance in (0, 1)),
    cache_generation integer not null default 0 check (cache_generation >= 0),
    uid integer not null unique check (uid > 0),
    created_at text not null,
    updated_at text not null
  ) ${strict}`,
  'create index apps_owner on apps (owner_id)',

  `create table data_keys (
    id text not null primary key,
    app_id text not null references apps (id) on delete cascade,
    root_key_id text not null,
    wrapped text not null,
    created_at text not null
  ) ${strict}`,
  'create index data_keys_app on data_keys (app_id)',

  `create table config_vars (
    app_id text not null references apps (id) on delete cascade,
    name text not null,
    version integer not null,
    sealed text not null,
    source text not null,
    primary key (app_id, name)
  ) ${strict}`,

  `create table pushes (
    seq ${seq},
    id text not null unique,
    app_id text not null references apps (id) on delete cascade,
    ref text not null,
    old_commit text,
    new_commit text not null,
    account_id text not null,
    created_at text not null
  ) ${strict}`,
  'create index pushes_app on pushes (app_id, seq)',

  `create table artifacts (
    seq ${seq},
    id text not null unique,
    app_id text not null references apps (id) on delete cascade,
    image_id text not null,
    digest text,
    cache_key text not null,
    builder text not null,
    builder_name text not null,
    processes text not null,
    launcher text,
    "user" text not null,
    init text,
    exposed_ports text not null,
    size_bytes ${bytes} not null,
    created_at text not null
  ) ${strict}`,
  'create index artifacts_key on artifacts (app_id, cache_key)',

  `create table builds (
    seq ${seq},
    id text not null unique,
    app_id text not null references apps (id) on delete cascade,
    push_id text references pushes (id),
    "commit" text not null,
    tree_id text not null,
    state text not null,
    reason text,
    artifact_id text references artifacts (id),
    worker integer,
    created_at text not null,
    started_at text,
    ended_at text
  ) ${strict}`,
  'create index builds_app on builds (app_id, seq)',
  'create index builds_state on builds (state)',
  'create index builds_push on builds (push_id)',
  'create index builds_artifact on builds (artifact_id)',

  `create table releases (
    id text not null primary key,
    app_id text not null references apps (id) on delete cascade,
    version integer not null check (version > 0),
    artifact_id text references artifacts (id),
    cause text not null,
    description text not null,
    account_id text not null,
    status text not null,
    sealed_config text not null,
    created_at text not null,
    unique (app_id, version)
  ) ${strict}`,
  'create index releases_artifact on releases (artifact_id)',

  `create table traffic (
    app_id text not null references apps (id) on delete cascade,
    release_id text not null references releases (id),
    weight integer not null check (weight > 0),
    primary key (app_id, release_id)
  ) ${strict}`,
  'create index traffic_release on traffic (release_id)',

  `create table formations (
    app_id text not null references apps (id) on delete cascade,
    type text not null,
    quantity integer not null check (quantity >= 0),
    reserved_cloudlets integer not null check (reserved_cloudlets > 0),
    limit_cloudlets integer not null check (limit_cloudlets >= reserved_cloudlets),
    updated_at text not null,
    primary key (app_id, type)
  ) ${strict}`,

  `create table host_groups (
    id text not null primary key,
    name text not null unique,
    created_at text not null
  ) ${strict}`,

  `create table hosts (
    id text not null primary key,
    name text not null unique,
    group_id text not null references host_groups (id),
    role text not null,
    address text,
    cpus integer not null check (cpus > 0),
    memory_bytes ${bytes} not null check (memory_bytes > 0),
    cloudlets integer not null check (cloudlets >= 0),
    promisable integer not null check (promisable >= 0),
    deploy_reserve integer not null check (deploy_reserve >= 0),
    labels text not null,
    state text not null,
    created_at text not null,
    seen_at text
  ) ${strict}`,
  'create index hosts_group on hosts (group_id)',

  `create table app_networks (
    app_id text not null references apps (id) on delete cascade,
    host_id text not null references hosts (id) on delete cascade,
    kind text not null,
    network_id text not null,
    primary key (app_id, host_id, kind)
  ) ${strict}`,
  'create index app_networks_host on app_networks (host_id)',

  `create table allowed_networks (
    app_id text not null references apps (id) on delete cascade,
    network text not null,
    created_at text not null,
    primary key (app_id, network)
  ) ${strict}`,

  `create table instances (
    seq ${seq},
    id text not null unique,
    app_id text not null references apps (id) on delete cascade,
    workload_kind text not null,
    release_id text references releases (id),
    service_id text,
    host_id text not null references hosts (id),
    type text not null,
    slot integer not null,
    reserved_cloudlets integer not null check (reserved_cloudlets > 0),
    limit_cloudlets integer not null check (limit_cloudlets >= reserved_cloudlets),
    command text,
    desired text not null,
    stop_reason text,
    not_before text,
    failures integer not null check (failures >= 0),
    state text not null,
    container_id text,
    address text,
    port integer,
    exit_code integer,
    reason text,
    created_at text not null,
    started_at text,
    up_at text,
    ended_at text,
    check ((release_id is null) <> (service_id is null))
  ) ${strict}`,
  'create index instances_state on instances (state, app_id)',
  'create index instances_app on instances (app_id, seq)',
  'create index instances_release on instances (release_id)',
  'create index instances_host on instances (host_id)',

  `create table one_offs (
    instance_id text not null primary key references instances (id) on delete cascade,
    app_id text not null references apps (id) on delete cascade,
    attach integer not null check (attach in (0, 1)),
    tty integer not null check (tty in (0, 1)),
    sealed_env text not null,
    columns integer,
    rows integer,
    created_at text not null,
    deadline text not null
  ) ${strict}`,
  'create index one_offs_app on one_offs (app_id)',

  `create table domains (
    seq ${seq},
    id text not null unique,
    app_id text not null references apps (id) on delete cascade,
    hostname text not null unique,
    created_at text not null
  ) ${strict}`,
  'create index domains_app on domains (app_id)',

  `create table names (
    name text not null,
    state text not null,
    account_id text not null references accounts (id) on delete cascade,
    created_at text not null,
    primary key (name, state)
  ) ${strict}`,
  'create index names_account on names (account_id)',
  'create index names_age on names (state, created_at)',

  `create table events (
    seq ${seq},
    id text not null unique,
    kind text not null,
    at text not null,
    app_id text,
    account_id text not null,
    actor_email text not null,
    request_id text,
    data text not null
  ) ${strict}`,
  'create index events_app on events (app_id, seq)',

  `create table settings (
    name text not null primary key,
    value text not null
  ) ${strict}`,
];

export async function up(db: Kysely<unknown>, words: ColumnWords): Promise<void> {
  for (const statement of statements(words)) await sql.raw(statement).execute(db);
}
