import { writeSync } from 'node:fs';
import { join } from 'node:path';
import { openStore } from '../../src/store/store.ts';

/**
 * A program to be killed. It commits for ever: a release, the app's traffic and an event. After each acknowledged commit it
 * prints the release's id. Argument: the folder of the store.
 */
const home = process.argv[2] ?? '';
const store = await openStore({ path: join(home, 'state.db'), keysDir: join(home, 'keys') });
const account =
  (await store.accounts.list()).find(({ email }) => email === 'me@example.com') ??
  (await store.accounts.create('me@example.com'));
const app = (await store.apps.findByName('hello')) ?? (await store.apps.create({ name: 'hello', ownerId: account.id }));
for (;;) {
  const release = await store.transaction(async (tables) => {
    const made = await tables.releases.create({
      appId: app.id,
      artifactId: null,
      cause: 'config',
      description: 'Set A config vars',
      accountId: account.id,
      config: { A: 'x'.repeat(500) },
    });
    await tables.traffic.switchAllTo(app.id, made.id);
    await tables.events.append({
      kind: 'release.created',
      appId: app.id,
      accountId: account.id,
      actorEmail: account.email,
      requestId: null,
      data: { releaseId: made.id, version: made.version, description: made.description },
    });
    return made;
  });
  writeSync(1, `${release.id}\n`);
}
