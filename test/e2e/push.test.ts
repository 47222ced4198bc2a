import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { eventually } from '../support/eventually.ts';
import { must, TestPlatform } from '../support/platform.ts';
import { crashingApp, pythonApp } from '../support/sample-apps.ts';

describe('git push paas main', () => {
  let paas: TestPlatform;
  before(async () => {
    paas = await TestPlatform.start();
  });
  after(() => paas[Symbol.asyncDispose]());

  it('serves a first push, shows its steps, and ends with the URL', async () => {
    const repo = await paas.app('first', pythonApp('one'));
    const { stderr } = await must(paas.push(repo));
    for (const line of [
      '-----> Building on the',
      '-----> Discovering process types',
      '-----> Launching...',
      'Released v2',
    ]) {
      assert.ok(stderr.includes(line), `${line} is missing in:\n${stderr}`);
    }
    const remote = stderr.split('\n').filter((line) => line.startsWith('remote: ') && line.trim() !== 'remote:');
    assert.match(remote.at(-1) ?? '', new RegExp(`http://first\\.localhost:${paas.httpPort}/`));
    assert.deepEqual([(await paas.http('first')).status, (await paas.http('first')).body], [200, 'one']);
  });

  it('serves the next commit, and does nothing when nothing changed', async () => {
    const repo = await paas.deployed('second', pythonApp('one'));
    await paas.commit('second', pythonApp('two'));
    await must(paas.push(repo));
    assert.equal((await paas.http('second')).body, 'two');
    await eventually('the old instance is gone', async () => (await paas.containers('second')).length === 1);
    const before = await paas.containers('second');
    await paas.commit('second', {}, 'Nothing');
    const { stderr } = await must(paas.push(repo));
    assert.match(stderr, /Nothing changed: v3 serves this tree already/);
    assert.deepEqual(
      (await paas.containers('second')).map(({ id }) => id),
      before.map(({ id }) => id),
    );
  });

  it('runs instances without special rights, and tells them their name', async () => {
    await paas.deployed('whoami', pythonApp('x'));
    assert.match((await paas.http('whoami', '/whoami')).body, /^web\.1 v2 1\d{6}$/);
  });

  it('rejects an app that crashes at start, shows its last lines once, and the old version goes on serving', async () => {
    const repo = await paas.deployed('crash', pythonApp('good'));
    await paas.commit('crash', crashingApp);
    const { code, stderr } = await paas.push(repo);
    assert.equal(code, 1);
    assert.match(stderr, /web\.1 of v3 did not start: Process exited with status 3/);
    assert.equal(stderr.split('no DATABASE_URL, giving up').length - 1, 1, stderr);
    assert.match(stderr, /paas logs/);
    assert.match(stderr, /remote rejected/);
    assert.equal((await paas.http('crash')).body, 'good');
    await eventually(
      'the crashed release leaves no container',
      async () => (await paas.containers('crash')).length === 1,
    );
    await paas.commit('crash', pythonApp('mended'));
    await must(paas.push(repo));
    assert.equal((await paas.http('crash')).body, 'mended');
  });

  it('names the line of a bad Procfile before anything is built', async () => {
    const repo = await paas.app('procfile', {
      ...pythonApp('x'),
      Procfile: 'web: python3 server.py\nworker python3 w.py\n',
    });
    const { code, stderr } = await paas.push(repo);
    assert.equal(code, 1);
    assert.match(stderr, /Procfile line 2 is not "type: command": "worker python3 w\.py"/);
    assert.match(stderr, /Push rejected/);
  });

  it('lists the files that it looked for when it finds nothing to build', async () => {
    const repo = await paas.app('nothing', { 'notes.txt': 'nothing to see' });
    const { code, stderr } = await paas.push(repo);
    assert.equal(code, 1);
    assert.match(stderr, /package\.json/);
    assert.match(stderr, /Dockerfile/);
    assert.match(stderr, /Procfile/);
  });

  it('stores another branch without deploying it, and refuses to delete the deploy branch', async () => {
    const repo = await paas.deployed('branches', pythonApp('main'));
    await paas.commit('branches', pythonApp('branch'));
    const other = await must(paas.git(repo, 'push', 'paas', 'HEAD:refs/heads/feature'));
    assert.match(other.stderr, /non-main branch/);
    assert.equal((await paas.http('branches')).body, 'main');
    const deletion = await paas.git(repo, 'push', 'paas', ':main');
    assert.equal(deletion.code, 1);
    await must(paas.push(repo));
    assert.equal((await paas.http('branches')).body, 'branch');
  });

  it('refuses a push to an unknown app', async () => {
    const repo = await paas.app('known', pythonApp('x'));
    const url = (await paas.git(repo, 'remote', 'get-url', 'paas')).stdout.trim().replace('known', 'unknown');
    const { code, stderr } = await paas.git(repo, 'push', url, 'main');
    assert.notEqual(code, 0);
    assert.match(stderr, /not found/i);
  });

  it("builds a Dockerfile, and runs it as the app's own user in place of the image's", async () => {
    const repo = await paas.deployed('dockerfile', {
      Dockerfile:
        'FROM paas/run\nWORKDIR /srv\nCOPY server.py .\nUSER 1234\nEXPOSE 8000\nCMD ["python3", "-u", "server.py"]\n',
      'server.py': pythonApp('from a Dockerfile')['server.py'] ?? '',
    });
    assert.equal((await paas.http('dockerfile')).body, 'from a Dockerfile');
    assert.equal((await paas.http('dockerfile', '/env/PORT')).body, '8000');
    assert.match((await paas.http('dockerfile', '/whoami')).body, / 1\d{6}$/);
    // Of several exposed ports the one that listens is served. The command ignores PORT.
    const several = ['ARG PORTS=8001-8002', 'EXPOSE 7000 $PORTS 53/udp', 'CMD PORT=8001 exec python3 -u server.py'];
    const base = 'FROM paas/run\nWORKDIR /srv\nCOPY server.py .\nUSER 1234\nSTOPSIGNAL SIGINT\n';
    await paas.commit('dockerfile', { Dockerfile: `${base}${several.join('\n')}` });
    const { stderr } = await must(paas.push(repo));
    assert.match(
      stderr,
      /web is served on port 8001, the lowest exposed port that answers; PORT is 5000 \(exposed: 7000, 8001, 8002\)/,
    );
    assert.doesNotMatch(stderr, /paas\/init/);
    assert.equal((await paas.http('dockerfile')).body, 'from a Dockerfile');
    await must(paas.paas(['ps:scale', 'web=0', '-a', 'dockerfile']));
    await eventually('the log names the signal of the image', async () =>
      (await paas.paas(['logs', '-a', 'dockerfile'])).stdout.includes('Stopping all processes with SIGINT'),
    );
  });

  it('runs two pushes at once one after the other', async () => {
    const repo = await paas.deployed('twice', pythonApp('zero'));
    await paas.commit('twice', pythonApp('one'));
    await paas.git(repo, 'clone', '-q', '.', '../twice-copy');
    const copy = await paas.commit('twice-copy', pythonApp('two'));
    const url = (await paas.git(repo, 'remote', 'get-url', 'paas')).stdout.trim();
    const first = paas.push(repo);
    // On a busy machine the second git may connect first.
    await eventually(
      'the first is being built',
      async () =>
        (await paas.paas(['logs', '-a', 'twice', '--source', 'build'])).stdout.split('Building on the').length > 2,
    );
    const second = paas.git(
      repo,
      '-C',
      copy,
      '-c',
      `credential.helper=store --file=${paas.env.XDG_CONFIG_HOME}/paas/git-credentials`,
      'push',
      '--force',
      url,
      'main',
    );
    const results = await Promise.all([first, second]);
    assert.deepEqual(
      results.map(({ code }) => code),
      [0, 0],
      results.map(({ stderr }) => stderr).join('\n---\n'),
    );
    const { body } = await paas.http('twice');
    assert.equal(body, 'two');
  });
});
