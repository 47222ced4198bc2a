import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { prepareHome } from '../../src/launcher/home.ts';
import { isRoot } from '../../src/system/privileges.ts';

describe('PAAS_HOME', () => {
  let root: string;
  before(() => {
    root = mkdtempSync(join(tmpdir(), 'paas-home-'));
    chmodSync(root, 0o755);
  });
  after(() => rmSync(root, { recursive: true }));

  it('is created with its parent folders, which git can enter, and is closed to other users', async () => {
    const home = join(root, 'a', 'b', 'home');
    await prepareHome(home);
    await prepareHome(home);
    assert.equal(statSync(home).mode & 0o777, 0o700);
    assert.equal(statSync(join(root, 'a', 'b')).mode & 0o001, 0o001);
  });

  it('is refused with the reason where it cannot be created', async () => {
    const file = join(root, 'file');
    writeFileSync(file, '');
    const refused = (reason: RegExp) => ({ code: 'invalid_params', message: reason, hint: /PAAS_HOME=/ });
    await assert.rejects(prepareHome(file), refused(/The platform cannot use .*file is not a folder/));
    await assert.rejects(prepareHome(join(file, 'x')), refused(/not a folder/));
    await assert.rejects(prepareHome('/proc/paas'), refused(/\/proc\/paas/));
  });

  it('is refused at once where git could not reach it, with the folder and its mode', { skip: !isRoot() }, async () => {
    const closed = join(root, 'closed');
    mkdirSync(closed, { mode: 0o700 });
    await assert.rejects(prepareHome(join(closed, 'home')), { message: /closed \(mode 0700\)/, hint: /chmod o\+x/ });
    assert.equal(statSync(join(closed, 'home'), { throwIfNoEntry: false }), undefined);
  });
});
