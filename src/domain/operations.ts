import type { Duplex } from 'node:stream';
import type { Actor, Token, TokenScope } from './actor.ts';
import type { App } from './app.ts';
import type { BuildOutput } from './build.ts';
import type { Cloudlets } from './cloudlet.ts';
import type { ConfigVars } from './config-vars.ts';
import type { FormationEntry } from './formation.ts';
import type { Instance } from './instance.ts';
import type { PushRequest } from './push.ts';
import type { Release } from './release.ts';
import type { Domain } from './route.ts';

/**
 * What the doors (git-receive, api, dashboard) may ask for. Each verb checks its values, does its work or throws a
 * PlatformError, and leaves one event per change, in the change's transaction. The door has authorised the actor on
 * the app before it calls.
 */
export interface Operations {
  /** Makes the app with its network and first release (v1). Null chooses a name. */
  createApp(name: string | null, actor: Actor): Promise<App>;
  renameApp(app: App, name: string, actor: Actor): Promise<App>;
  /** While it is on, the resolver answers for the app. What is so already leaves no event. */
  setMaintenance(app: App, on: boolean, actor: Actor): Promise<void>;
  /** Stops and removes everything of the app: instances, images, volumes, network, repository, log. */
  destroyApp(app: App, actor: Actor): Promise<void>;

  /**
   * Build, release, start, switch. Resolves when the new version serves (or, with nothing to serve, is released).
   * A failure before the switch leaves the old release serving and throws; aborting the signal is such a failure.
   * After the switch the signal is not heard any more.
   */
  deployPush(request: PushRequest, output: BuildOutput, signal: AbortSignal): Promise<Release>;
  /** Null unsets. Makes a release and restarts what runs; resolves when the release exists, roll-out goes on. */
  changeConfig(app: App, changes: Readonly<Record<string, string | null>>, actor: Actor): Promise<Release>;
  /** To a version, or to the one before the current one (null). */
  rollback(app: App, version: number | null, actor: Actor): Promise<Release>;

  /** All or nothing. Throws `no_capacity` with the numbers, `not_found` for a type that the release does not have. */
  scale(app: App, changes: readonly ScaleChange[], actor: Actor): Promise<readonly FormationEntry[]>;
  /** Replaces instances: all, those of a type, or one (`web.1`); new before old. */
  restart(app: App, process: string | null, actor: Actor): Promise<void>;
  /** Stops one instance, a type's, or a one-off. A formation's slot is filled again by the next release, scale or restart. */
  stop(app: App, process: string, actor: Actor): Promise<void>;

  addDomain(app: App, hostname: string, actor: Actor): Promise<Domain>;
  removeDomain(app: App, hostname: string, actor: Actor): Promise<Domain>;

  /** A token of the actor's account. What it is itself is in the answer only. */
  createToken(request: TokenRequest, actor: Actor): Promise<IssuedToken>;
  /**
   * Ends a token of the actor's account, named by its prefix or id, and what was opened with it. Throws `not_found`.
   */
  revokeToken(prefixOrId: string, actor: Actor): Promise<Token>;

  /** Starts a one-off (`run.1234`). With `attach` it waits for `attachRun` before the process starts. */
  run(app: App, request: RunRequest, actor: Actor): Promise<Instance>;
  /** Connects a terminal to a one-off made with `attach`, once. `not_found` for a strange, used or expired instance. */
  attachRun(app: App, instanceId: string, signal: AbortSignal): Promise<RunSession>;
}

export interface ScaleChange {
  readonly type: string;
  /** A number, or a step from what is there now. */
  readonly quantity?: { readonly set: number } | { readonly add: number };
  readonly size?: Cloudlets;
}

export interface TokenRequest {
  /** For people: where it is used. */
  readonly description: string;
  readonly scope: TokenScope;
  /** Null: never. */
  readonly expiresAt: Date | null;
}

export interface IssuedToken extends Token {
  /** Kept nowhere. */
  readonly secret: string;
}

export interface RunRequest {
  /** The command line, for the container's bash. */
  readonly command: string;
  readonly attach: boolean;
  readonly tty: boolean;
  readonly size?: Cloudlets;
  readonly env: ConfigVars;
  readonly columns?: number;
  readonly rows?: number;
  /** How long it may run; `maxOneOffMs` when nobody says. */
  readonly lifeMs?: number;
}

export interface RunSession {
  /** Bytes to the process, bytes from it. `end()` closes its standard input. */
  readonly stream: Duplex;
  resize(size: { readonly columns: number; readonly rows: number }): Promise<void>;
  /** Resolves with the process's own exit code. */
  readonly exited: Promise<number>;
}
