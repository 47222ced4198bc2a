import assert from 'node:assert/strict';
import { rm, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { it } from 'node:test';
import { eventually } from '../support/eventually.ts';
import { must, TestPlatform } from '../support/platform.ts';
import { pythonApp } from '../support/sample-apps.ts';

it('a platform that lost its store and its key is refused, restored from its backup, and serves again', async () => {
  await using paas = await TestPlatform.start();
  const home = paas.env.PAAS_HOME ?? '';
  const repo = await paas.deployed('kept', pythonApp('one'));
  await must(paas.paas(['config:set', 'SECRET=opened again'], { cwd: repo }));
  const { apps, key } = JSON.parse((await must(paas.paas(['platform:backup', '--json']))).stdout);
  assert.equal(apps, 1);
  assert.match(key, /\.key$/);
  assert.match(
    (await paas.paas(['doctor'])).stdout,
    /^ok +backup +the last good backup of the store is less than an hour old/m,
  );
  await paas.deployed('later', pythonApp('later'));
  const token = await paas.token();
  const before = (await paas.containers('kept')).map(({ id }) => id);
  const [unknown] = await paas.containers('later');

  await paas.stop();
  await truncate(join(home, 'state.db'), 0);
  await rm(join(home, 'state.db-wal'), { force: true });
  await rm(join(home, 'keys'), { recursive: true });
  await paas.launchUntil(/state\.db is empty, and .* belongs to a platform[\s\S]*paas platform:restore/);
  assert.equal((await paas.http('kept')).body, 'one', 'served with the saved routes meanwhile');
  assert.equal((await paas.paas(['platform:restore'])).code, 1, 'it asks for a confirmation');
  const restored = await must(paas.paas(['platform:restore', '--confirm', 'localhost']));
  assert.match(restored.stderr, /Restored 1 apps as of/);

  await paas.launch();
  assert.equal((await paas.http('kept')).body, 'one');
  assert.equal(await paas.token(), token, 'nobody has to log in again');
  assert.equal((await must(paas.paas(['config:get', 'SECRET'], { cwd: repo }))).stdout, 'opened again\n');
  assert.deepEqual(
    (await paas.containers('kept')).map(({ id }) => id),
    before,
    'its instance was taken over',
  );
  await eventually('the instance of an app that is not in the backup is removed', async () => {
    return unknown !== undefined && (await paas.engine.containers.inspect(unknown.id)) === null;
  });
  assert.equal((await paas.http('later')).status, 404);
  await paas.commit('kept', pythonApp('two'));
  await must(paas.push(repo));
  assert.equal((await paas.http('kept')).body, 'two');
  await must(paas.paas(['rollback'], { cwd: repo }));
  assert.equal((await paas.http('kept')).body, 'one');
});
