import assert from 'node:assert/strict';
import type { Readable } from 'node:stream';
import type { App } from '../../src/domain/app.ts';
import type { GitRepo } from './git-repo.ts';
import { GitServer } from './git-server.ts';
import { ask, type GitObject, type PackEntry, pushBody, receivePack, writePack } from './raw-git.ts';

/** Sends requests that no real git would send, to its own git server. */
export class HostilePusher implements AsyncDisposable {
  readonly server: GitServer;
  #target: { readonly app: App; readonly repo: GitRepo } | null = null;

  private constructor(server: GitServer) {
    this.server = server;
  }

  static async start(limits: { readonly packBytes?: number } = {}): Promise<HostilePusher> {
    return new HostilePusher(await GitServer.start(limits));
  }

  /** The app that is pushed to; `fresh` makes it. */
  get app(): App {
    assert.ok(this.#target);
    return this.#target.app;
  }

  /** A real client, for hostile pushes that a real git can send. */
  get repo(): GitRepo {
    assert.ok(this.#target);
    return this.#target.repo;
  }

  async fresh(): Promise<void> {
    const app = await this.server.newApp();
    this.#target = { app, repo: await this.server.clientOf(app) };
    this.server.requests.length = 0;
  }

  post(body: Buffer | Readable, headers: Readonly<Record<string, string>> = {}) {
    return ask(this.server.origin, `/${this.app.name}.git/git-receive-pack`, {
      method: 'POST',
      headers: { ...receivePack, Authorization: this.server.ada.basic, ...headers },
      body,
    });
  }

  /** Resolves with git's answer. */
  async pushObjects(
    objects: readonly (GitObject | PackEntry)[],
    newId: string,
    ref = 'refs/heads/main',
  ): Promise<string> {
    const { status, body } = await this.post(pushBody([{ ref, newId }], writePack(objects)));
    assert.equal(status, 200);
    return body.toString();
  }

  async nothingWasKept(): Promise<void> {
    assert.equal(await this.server.inRepository(this.app, 'for-each-ref'), '');
    assert.deepEqual(await this.server.objectFiles(this.app), []);
    assert.deepEqual(this.server.requests, []);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.server[Symbol.asyncDispose]();
  }
}
