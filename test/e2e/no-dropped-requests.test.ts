import assert from 'node:assert/strict';
import { Agent, request } from 'node:http';
import { after, before, describe, it } from 'node:test';
import { scaled } from '../support/deadline.ts';
import { must, TestPlatform } from '../support/platform.ts';
import { pythonApp } from '../support/sample-apps.ts';

/**
 * Requests at fixed moments, whatever the answers do; half on kept connections, half on new ones. One in 50 takes 2 s and may
 * not be sent twice, so that nothing but an instance that is let finish answers it.
 */
class Load {
  readonly #port: number;
  readonly #host: string;
  readonly #keepAlive = new Agent({ keepAlive: true, maxSockets: 8 });
  readonly #timer: NodeJS.Timeout;
  readonly #open = new Set<Promise<void>>();
  readonly failures: string[] = [];
  readonly bodies = new Map<string, number>();
  sent = 0;

  constructor({ port, host, perSecond }: { readonly port: number; readonly host: string; readonly perSecond: number }) {
    this.#port = port;
    this.#host = host;
    this.#timer = setInterval(() => this.#send(), 1000 / perSecond);
  }

  async end(): Promise<void> {
    clearInterval(this.#timer);
    await Promise.all(this.#open);
    this.#keepAlive.destroy();
  }

  #send(): void {
    this.sent += 1;
    const agent = this.sent % 2 === 0 ? this.#keepAlive : false;
    const [method, path] = this.sent % 50 === 0 ? (['POST', '/slow'] as const) : (['GET', '/'] as const);
    const done = this.#one(agent, { method, path })
      .then((body) => void this.bodies.set(body, (this.bodies.get(body) ?? 0) + 1))
      .catch((error: unknown) => void this.failures.push(String(error)))
      .finally(() => this.#open.delete(done));
    this.#open.add(done);
  }

  #one(agent: Agent | false, what: { readonly method: string; readonly path: string }): Promise<string> {
    return new Promise((resolve, reject) => {
      const sent = request(
        { host: '127.0.0.1', port: this.#port, ...what, agent, headers: { Host: this.#host }, timeout: scaled(30_000) },
        (response) => {
          let body = '';
          response.on('data', (chunk: Buffer) => (body += chunk.toString()));
          response.once('error', reject);
          response.once('end', () =>
            response.statusCode === 200
              ? resolve(body)
              : reject(new Error(`${response.statusCode} ${body.slice(0, 200)}`)),
          );
        },
      );
      sent.once('timeout', () => sent.destroy(new Error('no answer within 30 s')));
      sent.once('error', reject);
      sent.end();
    });
  }
}

describe('an app under load', () => {
  let paas: TestPlatform;
  before(async () => {
    paas = await TestPlatform.start();
  });
  after(() => paas[Symbol.asyncDispose]());

  it('loses no request over pushes, a config change, scaling, a restart and a rollback', async () => {
    const repo = await paas.deployed('busy', pythonApp('version 0'));
    const load = new Load({ port: paas.httpPort, host: 'busy.localhost', perSecond: 100 });
    const cli = (...args: readonly string[]) => must(paas.paas(args, { cwd: repo }));
    try {
      for (const version of [1, 2, 3]) {
        await paas.commit('busy', pythonApp(`version ${version}`));
        await must(paas.push(repo));
      }
      await cli('config:set', 'CHANGED=yes');
      await cli('ps:scale', 'web=3');
      await cli('ps:restart');
      await cli('ps:scale', 'web=1');
      await cli('releases:rollback');
    } finally {
      await load.end();
    }
    assert.deepEqual(load.failures, [], `${load.failures.length} of ${load.sent} failed`);
    assert.ok(load.sent > 200, `${load.sent} requests are enough to mean something`);
    for (const version of [0, 1, 2, 3])
      assert.ok(load.bodies.has(`version ${version}`), `version ${version} answered: ${[...load.bodies.keys()]}`);
  });

  it('does lose requests without a drain, so this test can fail', async () => {
    await using hasty = await TestPlatform.start({ settings: { PAAS_DRAIN_S: '0', PAAS_STOP_GRACE_S: '0' } });
    const repo = await hasty.deployed('hasty', pythonApp('0'));
    const load = new Load({ port: hasty.httpPort, host: 'hasty.localhost', perSecond: 100 });
    try {
      for (const version of [1, 2, 3]) {
        await hasty.commit('hasty', pythonApp(`${version}`));
        await must(hasty.push(repo));
      }
      await new Promise((resolve) => setTimeout(resolve, 500));
    } finally {
      await load.end();
    }
    assert.ok(load.failures.length > 0, 'a platform that does not drain shows failures');
  });
});
