import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { eventually } from '../support/eventually.ts';
import { must, TestPlatform } from '../support/platform.ts';
import { pythonApp } from '../support/sample-apps.ts';
import { checkout } from '../support/source-files.ts';

describe('a deployed app', () => {
  let paas: TestPlatform;
  let repo: string;
  before(async () => {
    paas = await TestPlatform.start();
    repo = await paas.deployed('shop', pythonApp('shop'));
  });
  after(() => paas[Symbol.asyncDispose]());

  const cli = (...args: readonly string[]) => must(paas.paas(args, { cwd: repo }));
  const inProcess = async (name: string) => (await paas.http('shop', `/env/${name}`)).body;

  it('gets every config value byte for byte', async () => {
    const values: Readonly<Record<string, string>> = {
      JSON_VALUE: '{"a": [1, "two"], "b": null}',
      LINES: 'first\nsecond\r\nthird\n',
      QUOTES: `it's "quoted" \`and\` \\escaped\\`,
      DOLLARS: '$HOME ${HOME} $(id) %s',
      UTF8: 'grüße 🚀 日本語',
      EQUALS: 'a=b=c',
      BIG: 'x'.repeat(64 * 1024),
    };
    await cli('config:set', ...Object.entries(values).map(([name, value]) => `${name}=${value}`));
    for (const [name, value] of Object.entries(values)) {
      await eventually(`${name} is in the process`, async () => (await inProcess(name)) === value);
      assert.equal((await cli('config:get', name)).stdout, `${value}\n`);
    }
    await cli('config:unset', 'JSON_VALUE');
    await eventually('JSON_VALUE is gone', async () => (await inProcess('JSON_VALUE')) === '<unset>');
  });

  it('imports a .env file', async () => {
    const file = join(repo, 'import.env');
    await writeFile(file, '# comment\nIMPORTED="two words"\nOTHER=\'single\'\n');
    await cli('config:import', file);
    await eventually(
      'the values are in the process',
      async () => (await inProcess('IMPORTED')) === 'two words' && (await inProcess('OTHER')) === 'single',
    );
  });

  it('goes back to code and config of an earlier release', async () => {
    await cli('config:set', 'COLOR=blue');
    await eventually('blue serves', async () => (await inProcess('COLOR')) === 'blue');
    const blue = (JSON.parse((await cli('releases', '--json')).stdout) as { version: number; current: boolean }[]).find(
      ({ current }) => current,
    )?.version;
    await cli('config:set', 'COLOR=red');
    await paas.commit('shop', pythonApp('second shop'));
    await must(paas.push(repo));
    assert.equal((await paas.http('shop')).body, 'second shop');
    const { stderr } = await cli('releases:rollback', `v${blue}`);
    assert.match(stderr, /Rolling back .*to v\d+\.\.\. done, v\d+/);
    await eventually(
      'the earlier release serves',
      async () => (await paas.http('shop')).body === 'shop' && (await inProcess('COLOR')) === 'blue',
    );
  });

  it('scales up and down, and every instance answers', async () => {
    await cli('ps:scale', 'web=3', 'worker=1');
    const seen = new Set<string>();
    await eventually(
      'three instances answer',
      async () => seen.add((await paas.http('shop', '/whoami')).body.split(' ')[0] ?? '').size === 3,
    );
    assert.deepEqual([...seen].sort(), ['web.1', 'web.2', 'web.3']);
    await eventually('the worker is up', async () => /worker\.1: up/.test((await cli('ps')).stdout));
    const ps = await eventually('only these are left', async () => {
      const shown = await cli('ps');
      return /^Reserved 512 MB, used \d+ MB\. /.test(shown.stderr) && shown;
    });
    assert.match(ps.stdout, /^=== web \(1-4\): .*\(3\)$/m);
    assert.match(ps.stdout, /^worker\.1: up .*, \d+ MB$/m);
    const host =
      /Host: \d+ of \d+ cloudlets promised, \d+ kept for deploys; memory: [\d.]+ of [\d.]+ GB used, [\d.]+ GB free/;
    assert.match(ps.stderr, host);
    const apps = await cli('apps');
    assert.match(apps.stdout, /^shop +4 instances, 512 MB reserved, \d+ MB used$/m);
    assert.match(apps.stderr, host);
    const { stdout: doctor } = await paas.paas(['doctor'], { cwd: repo });
    assert.match(doctor, /capacity +cloudlets: \d+ of \d+ promised \(\d+ × overcommit 1\.5, .*GB free/);
    await cli('ps:scale', 'web=1', 'worker=0');
    await eventually('one container is left', async () => (await paas.containers('shop')).length === 1, {
      deadlineMs: 20_000,
    });
    assert.equal((await paas.http('shop', '/whoami')).body.split(' ')[0], 'web.1');
  });

  it('is not scaled beyond the capacity, and the error has the numbers', async () => {
    const { code, stderr } = await paas.paas(['ps:scale', 'web=90:64G'], { cwd: repo });
    assert.equal(code, 2);
    assert.match(stderr, /No room: host .* cloudlets free \(.* × overcommit 1\.5, .*\), and .* are needed/);
    assert.equal((await paas.http('shop')).status, 200);
  });

  it('restarts without a missed request', async () => {
    const before = (await paas.containers('shop')).map(({ id }) => id);
    await cli('ps:restart');
    const now = await eventually('another container serves', async () => {
      const ids = (await paas.containers('shop')).map(({ id }) => id);
      return ids.some((id) => !before.includes(id)) && (await paas.http('shop')).status === 200;
    });
    assert.ok(now);
  });

  it('keeps build, app and platform lines in one log', async () => {
    const { stdout } = await cli('logs', '-n', '1000');
    assert.match(stdout, /app\[web\.1\]: listening on 5000/);
    assert.match(stdout, /\[web\.1\]: State changed from starting to up/);
    assert.match(stdout, /-----> /);
    assert.match((await cli('logs', '--dyno', 'web.1', '-n', '5')).stdout, /\[web\.1\]/);
  });

  it('runs a one-off with its exit code, its input and its output', async () => {
    const result = await paas.paas(['run', '--no-tty', '--', 'cat; echo "dyno $DYNO" >&2; exit 42'], {
      cwd: repo,
      input: 'piped in',
    });
    assert.equal(result.code, 42, result.stderr);
    assert.equal(result.stdout, 'piped in');
    assert.match(result.stderr, /\ndyno run\.\d+\n$/);
    await eventually('the one-off is gone', async () => (await paas.containers('shop')).length === 1);
  });

  it('carries the bytes of a one-off in both directions, as a command on this machine would', async () => {
    const bytes = randomBytes(10_000_000);
    await writeFile(join(paas.root, 'in'), bytes);
    // The slow reader comes when the process has ended and its last output is still on the way.
    const script = `paas() { "${process.execPath}" "${join(checkout, 'src/cli/paas.cjs')}" "$@"; }
      paas run cat <in >out 2>/dev/null; cmp in out && echo same
      paas run 'cat >&2; exit 42' <in 2>&1 >/dev/null | tail -c 10000000 | cmp - in; echo "\${PIPESTATUS[@]}"
      paas run 'head -c 7000000 /dev/zero' </dev/null 2>/dev/null | { sleep 4; wc -c; }
      paas run 'read -r line || echo "no input"' </dev/null 2>/dev/null
      paas run 'exec yes' </dev/null 2>/dev/null | head -n 1; echo "\${PIPESTATUS[0]}"`;
    const env = { PAAS_APP: 'shop' };
    const { stdout } = await paas.run('bash', ['-c', script], { env });
    assert.equal(stdout, 'same\n42 0 0\n7000000\nno input\ny\n141\n');
    await eventually('the one-offs are gone', async () => (await paas.containers('shop')).length === 1);
  });

  it('serves under its own hostname, until it is removed', async () => {
    await cli('domains:add', 'www.example.com');
    const get = () => paas.http('shop', '/', { Host: 'www.example.com' });
    await eventually('the domain serves', async () => (await get()).body === 'shop');
    assert.match((await cli('domains')).stdout, /www\.example\.com/);
    await cli('domains:remove', 'www.example.com');
    await eventually('the domain is gone', async () => (await get()).status === 404);
  });

  it('is never reached by an unknown hostname', async () => {
    const { status, body } = await paas.http('nobody');
    assert.equal(status, 404);
    assert.doesNotMatch(body, /shop/);
  });

  it('leaves no container, no network and no answer when it is destroyed', async () => {
    await paas.deployed('doomed', pythonApp('doomed'));
    const { id } = await paas.apiJson<{ id: string }>('/apps/doomed');
    const { code } = await paas.paas(['destroy', '-a', 'doomed', '--confirm', 'wrong']);
    assert.notEqual(code, 0);
    await must(paas.paas(['destroy', '-a', 'doomed', '--confirm', 'doomed']));
    const labels = { 'paas.app': id };
    await eventually('nothing of it is left', async () => {
      const left = [
        await paas.engine.containers.list(labels),
        await paas.engine.networks.list(labels),
        await paas.engine.volumes.list(labels),
        await paas.engine.images.list(labels),
      ];
      return left.flat().length === 0;
    });
    assert.equal((await paas.http('doomed')).status, 404);
  });
});
