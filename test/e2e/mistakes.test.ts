import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { eventually } from '../support/eventually.ts';
import { must, TestPlatform } from '../support/platform.ts';
import { pythonApp } from '../support/sample-apps.ts';

/** A web process that listens where `where` says, a Python expression of host and port. */
function listeningAt(where: string): Readonly<Record<string, string>> {
  return {
    Procfile: 'web: python3 -u server.py\n',
    'server.py': `import os, socket, time
s = socket.create_server(${where})
print("ready", flush=True)
time.sleep(1000)
`,
  };
}

describe('the error says what to do for', () => {
  let paas: TestPlatform;
  before(async () => {
    paas = await TestPlatform.start({ settings: { PAAS_BOOT_TIMEOUT_S: '6' } });
  });
  after(() => paas[Symbol.asyncDispose]());

  /** git's output of a refused push, without its prefix. */
  async function refused(name: string, files: Readonly<Record<string, string>>): Promise<readonly string[]> {
    const { code, stderr } = await paas.push(await paas.app(name, files));
    assert.equal(code, 1, stderr);
    const lines = stderr.split('\n').filter((line) => line.startsWith('remote:'));
    return lines.map((line) => line.slice('remote: '.length).trimEnd());
  }

  it('an app that listens on 127.0.0.1 only', async () => {
    const lines = await refused('own-loopback', listeningAt('("127.0.0.1", int(os.environ["PORT"]))'));
    const said = lines.join('\n');
    assert.match(said, /Still starting/);
    assert.match(said, /did not answer on port 5000 within 6 s: it listens there on 127\.0\.0\.1 only\.\n/);
    assert.match(
      said,
      / ! {5}Listen on 0\.0\.0\.0, on the port that the variable PORT says\. See: paas logs -a own-loopback --release v2\n/,
    );
    assert.equal(said.split('ready').length - 1, 1, said);
    const { stdout } = await must(paas.paas(['logs', '-a', 'own-loopback', '-n', '500']));
    assert.equal(stdout.split('ready').length - 1, 1, stdout);
  });

  it('an app that listens on another port than $PORT', async () => {
    const said = (await refused('own-port', listeningAt('("0.0.0.0", 3000)'))).join('\n');
    assert.match(said, /did not answer on port 5000 within 6 s: it listens on port 3000 instead\.\n/);
  });

  it('a script without execute permission, and a missing command', async () => {
    const web = { Procfile: 'web: true && ./start.sh\n', 'start.sh': '#!/bin/sh\n' };
    const mode = (await refused('no-mode', web)).join('\n');
    assert.match(mode, /Process exited with status 126\.\n ! {5}Its command may not be executed\..*--chmod=\+x/);
    const absent = (await refused('absent', { Procfile: 'web: true && ./absent\n' })).join('\n');
    assert.match(
      absent,
      /Process exited with status 127\.\n ! {5}Its command was not found.* See: paas logs -a absent/,
    );
  });

  it('a source without a process to run, before the old version is touched', async () => {
    const repo = await paas.deployed('no-processes', pythonApp('still here'));
    await paas.commit('no-processes', { Procfile: '# web: later\n' });
    const { code, stderr } = await paas.push(repo);
    assert.equal(code, 1);
    assert.match(stderr, /Nothing says what to run/);
    assert.match(stderr, /Procfile with a line such as: web: node server\.js/);
    assert.equal((await paas.http('no-processes')).body, 'still here');
  });

  it('an app in a subfolder, and a file name in the wrong case', async () => {
    const said = (await refused('one-down', { 'site/index.html': 'x', dockerfile: 'FROM paas/run' })).join('\n');
    assert.match(said, /dockerfile is not read: the name is Dockerfile, with a capital D\./);
    assert.match(said, /index\.html in site\/\. To push that folder alone: git subtree push --prefix site paas main/);
  });

  it('a build that fails, once', async () => {
    const lines = await refused('two-locks', {
      'package.json': '{"name":"x","scripts":{"start":"node x.js"}}',
      'package-lock.json': '{}',
      'yarn.lock': '',
    });
    assert.equal(lines.filter((line) => /Two package managers have a lock file here/.test(line)).length, 1);
    assert.equal(lines.at(-2), ' !     Push rejected, failed to compile Node.js app.');
  });

  it('a worker without web, for which no URL answers', async () => {
    const repo = await paas.app('worker-only', { Procfile: 'worker: sleep 1000\n' });
    const first = await must(paas.push(repo));
    assert.match(first.stderr, / ! {5}No worker runs yet\. Start one: paas ps:scale worker=1 -a worker-only\s*\n/);
    assert.doesNotMatch(first.stderr, /http:\/\/worker-only/);
    await must(paas.paas(['ps:scale', 'worker=1'], { cwd: repo }));
    await paas.commit('worker-only', { 'notes.txt': 'x' });
    const second = await must(paas.push(repo));
    assert.doesNotMatch(second.stderr, /runs yet/);
    assert.match(second.stderr, /Deployed to paas, with no URL: there is no web process/);
  });

  it('a worker that ends at its start, while the old web and worker go on', async () => {
    const repo = await paas.deployed('lame', pythonApp('steady'));
    await must(paas.paas(['ps:scale', 'worker=1'], { cwd: repo }));
    const processes = async () => (await must(paas.paas(['ps', '--json'], { cwd: repo }))).stdout;
    await eventually('the worker is up', async () => /worker\.1[\s\S]*"up"/.test(await processes()));
    const dynos = async () =>
      (JSON.parse(await processes()) as { id: string; name: string; state: string }[])
        .filter(({ state }) => state === 'up')
        .map(({ id, name }) => `${name} ${id}`)
        .sort();
    const before = await dynos();
    assert.equal(before.length, 2);
    await paas.commit('lame', { 'worker.py': 'print("no queue to read", flush=True)\nraise SystemExit(1)\n' });
    const { code, stderr } = await paas.push(repo);
    assert.equal(code, 1, stderr);
    assert.match(stderr, /worker\.1 of v3 did not start: Process exited with status 1\./);
    assert.match(stderr, /The last lines of worker\.1:\s*\n.*no queue to read/);
    assert.match(stderr, /v2 goes on serving\./);
    assert.equal((await paas.http('lame')).body, 'steady');
    assert.deepEqual(await dynos(), before);
  });

  it('config vars with which the app does not start, while the old version goes on', async () => {
    const repo = await paas.deployed('needy', {
      ...pythonApp('steady'),
      Procfile: 'web: if [ -n "$BROKEN" ]; then echo "cannot use BROKEN"; exit 4; fi; exec python3 -u server.py\n',
    });
    const { code, stderr } = await paas.paas(['config:set', 'BROKEN=1'], { cwd: repo });
    assert.equal(code, 1);
    assert.match(
      stderr,
      /^Setting BROKEN and restarting needy\.\.\. !\n › {3}Error: v3 did not start, and the release before/,
    );
    assert.match(stderr, /See: paas logs -a needy --release v3\n$/);
    assert.match(stderr, /The change stays for the next release\. To undo it: paas rollback v2 -a needy\./);
    assert.equal((await paas.http('needy', '/env/BROKEN')).body, '<unset>');
    assert.equal((await must(paas.paas(['config:get', 'BROKEN'], { cwd: repo }))).stdout, '1\n');
    assert.match((await must(paas.paas(['rollback', 'v2'], { cwd: repo }))).stderr, /done, v4\n/);
    assert.equal((await must(paas.paas(['config:get', 'BROKEN'], { cwd: repo }))).stdout, '\n');
    assert.match((await paas.paas(['rollback', 'v4'], { cwd: repo })).stderr, /v4 is the current release/);
    const mended = await must(paas.paas(['config:set', 'BROKEN=', 'OTHER=here'], { cwd: repo }));
    assert.match(mended.stderr, /done, v5\n$/);
    const serves = (value: string) =>
      eventually(`OTHER is ${value}`, async () => (await paas.http('needy', '/env/OTHER')).body === value);
    await serves('here');
    const back = await must(paas.paas(['rollback', 'v2'], { cwd: repo }));
    assert.match(back.stderr, /done, v6\n/);
    await serves('<unset>');
  });

  it('unchanged config vars, which make no release and no restart', async () => {
    const repo = await paas.deployed('same-config', pythonApp('x'));
    const set = (word: string) => paas.paas(['config:set', word], { cwd: repo });
    assert.match((await must(set('SAME=1'))).stderr, /done, v3\n$/);
    assert.match((await must(set('SAME=1'))).stderr, /done, nothing changed \(v3\)\n$/);
  });
});
