import type { Actor, Token, TokenScope } from './actor.ts';
import type { AllowedNetwork } from './allowed-network.ts';
import type { App } from './app.ts';
import type { BuildOutput } from './build.ts';
import type { ConfigVars } from './config-vars.ts';
import type { AttachedStreams } from './exec.ts';
import type { FormationEntry } from './formation.ts';
import type { Instance } from './instance.ts';
import type { InstanceSize } from './instance-size.ts';
import type { PromisedName } from './names.ts';
import type { PushRequest } from './push.ts';
import type { Release } from './release.ts';
import type { Domain } from './route.ts';

/**
 * The operations that the doors (git-receive, api, dashboard) may call. Each checks its values, does its work or throws a
 * PlatformError, and appends one event per change in the change's transaction. The door authorises the actor for the app
 * before it calls.
 */
export interface Operations {
  /** Makes the app with its network and first release (v1). Null chooses a name. */
  createApp(name: string | null, actor: Actor): Promise<App>;
  renameApp(app: App, name: string, actor: Actor): Promise<App>;
  /** In maintenance the resolver answers in place of the app. Appends no event if nothing changes. */
  setMaintenance(app: App, on: boolean, actor: Actor): Promise<void>;
  /** The app's next build uses nothing of an earlier one: no layer, module, download or equal artifact. */
  purgeBuildCache(app: App, actor: Actor): Promise<void>;
  /** Stops and removes everything of the app: instances, images, volumes, network, repository, log. */
  destroyApp(app: App, actor: Actor): Promise<void>;

  /**
   * Build, release, start, switch. Resolves when the new version serves (or, with nothing to serve, is released).
   * A failure before the switch leaves the old release serving and throws; aborting the signal is such a failure.
   * After the switch the signal has no effect.
   */
  deployPush(request: PushRequest, output: BuildOutput, signal: AbortSignal): Promise<Release>;
  /** Null unsets a variable. Makes a release and replaces the instances. Resolves when the release exists; the roll-out continues. */
  changeConfig(app: App, changes: Readonly<Record<string, string | null>>, actor: Actor): Promise<Release>;
  /** Rolls back to a version, or with null to the release before the current one. */
  rollback(app: App, version: number | null, actor: Actor): Promise<Release>;

  /** Makes all changes or none. Throws `no_capacity` with the numbers, and `not_found` for a type that the release does not have. */
  scale(app: App, changes: readonly ScaleChange[], actor: Actor): Promise<readonly FormationEntry[]>;
  /** Replaces instances: all, those of a type, or one (`web.1`); new before old. */
  restart(app: App, process: string | null, actor: Actor): Promise<void>;
  /** Stops one instance, all of a type, or a one-off. The next release, scale or restart fills a formation's slot again. */
  stop(app: App, process: string, actor: Actor): Promise<void>;

  addDomain(app: App, hostname: string, actor: Actor): Promise<Domain>;
  removeDomain(app: App, hostname: string, actor: Actor): Promise<Domain>;

  /**
   * Lets an account take a name that is reserved, kept for another, under another's wildcard, or a public suffix. Null: the
   * actor's own. Only for the administrator, as the next two: `forbidden`.
   */
  allowName(name: string, account: string | null, actor: Actor): Promise<PromisedName>;
  /** Withdraws that. An app that has the name keeps it. Throws `not_found`. */
  disallowName(name: string, actor: Actor): Promise<PromisedName>;
  /** Frees a name that is kept for the account that gave it up. Throws `not_found`. */
  releaseName(name: string, actor: Actor): Promise<PromisedName>;
  /** Lets the app reach a network that is denied to apps. Throws `forbidden` for anybody but the administrator. */
  allowNetwork(app: App, network: string, actor: Actor): Promise<AllowedNetwork>;
  /** Takes it back. */
  denyNetwork(app: App, network: string, actor: Actor): Promise<AllowedNetwork>;

  /** Makes a token of the actor's account. Only the answer contains the token itself. */
  createToken(request: TokenRequest, actor: Actor): Promise<IssuedToken>;
  /**
   * Revokes a token of the actor's account, by its prefix or id, and closes what was opened with it. Throws `not_found`.
   */
  revokeToken(prefixOrId: string, actor: Actor): Promise<Token>;

  /** Starts a one-off (`run.1234`). With `attach` it waits for `attachRun` before the process starts. */
  run(app: App, request: RunRequest, actor: Actor): Promise<Instance>;
  /** Connects a terminal to a one-off made with `attach`, once. Throws `not_found` for an unknown, used or expired one-off. */
  attachRun(app: App, instanceId: string, signal: AbortSignal): Promise<RunSession>;
}

export interface ScaleChange {
  readonly type: string;
  /** A new quantity, or a difference to the current one. */
  readonly quantity?: { readonly set: number } | { readonly add: number };
  readonly size?: InstanceSize;
}

export interface TokenRequest {
  /** Where it is used, for people. */
  readonly description: string;
  readonly scope: TokenScope;
  /** Null: the token never expires. */
  readonly expiresAt: Date | null;
}

export interface IssuedToken extends Token {
  /** The token itself. The platform does not keep it. */
  readonly secret: string;
}

export interface RunRequest {
  /** The command line, which the container's bash runs. */
  readonly command: string;
  readonly attach: boolean;
  readonly tty: boolean;
  readonly size?: InstanceSize;
  readonly env: ConfigVars;
  readonly columns?: number;
  readonly rows?: number;
  /** How long it may run. Default: `maxOneOffMs`. */
  readonly lifeMs?: number;
}

/** The process of an attached one-off. On a terminal all of its output is on `stdout`. `stdin.end()` closes its input. */
export interface RunSession extends AttachedStreams {
  resize(size: { readonly columns: number; readonly rows: number }): Promise<void>;
  /** Resolves with the process's exit code. */
  readonly exited: Promise<number>;
}
