import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mergedUsrLink, mergedUsrPath } from '../../src/builder/stack/merged-usr.ts';

test('files that packages put into /bin or /lib are below /usr', () => {
  const cases: readonly (readonly [string, string, string | null])[] = [
    ['./', '', null],
    ['./bin/sh', 'usr/bin/sh', 'bin'],
    ['./bin/', 'usr/bin', 'bin'],
    ['./bin', 'usr/bin', 'bin'],
    ['/sbin/init', 'usr/sbin/init', 'sbin'],
    ['lib64/ld-linux-x86-64.so.2', 'usr/lib64/ld-linux-x86-64.so.2', 'lib64'],
    ['./usr/bin/env', 'usr/bin/env', null],
    ['./binaries/x', 'binaries/x', null],
    ['./etc/lib/x', 'etc/lib/x', null],
    ['./lib64x', 'lib64x', null],
  ];
  for (const [name, path, link] of cases) {
    assert.equal(mergedUsrPath(name), path, name);
    assert.equal(mergedUsrLink(name), link, name);
  }
});
