import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { commandGroups, findCommand, nearestCommand } from '../../src/cli/commands.ts';
import { exitCodeOf } from '../../src/cli/errors.ts';
import { PlatformError } from '../../src/domain/errors.ts';

const found = (...words: string[]) => {
  const result = findCommand(words);
  return result.kind === 'command' ? [result.entry.name, ...result.rest] : [result.kind];
};

test('topic:verb, topic verb and the short form are one command', () => {
  assert.deepEqual(found('config:set', 'A=1'), ['config:set', 'A=1']);
  assert.deepEqual(found('config', 'set', 'A=1'), ['config:set', 'A=1']);
  assert.deepEqual(found('scale', 'web=2'), ['ps:scale', 'web=2']);
  assert.deepEqual(found('apps:create', 'shop'), ['create', 'shop']);
  assert.deepEqual(found('rollback'), ['releases:rollback']);
});

test('a word after a command is its argument unless it is a verb of the topic', () => {
  assert.deepEqual(found('ps', 'web'), ['ps', 'web']);
  assert.deepEqual(found('run', 'config'), ['run', 'config']);
  assert.deepEqual(found('domains', '-a', 'shop'), ['domains', '-a', 'shop']);
});

test('a topic without its own command is known, but an unknown verb of it is not', () => {
  assert.deepEqual(found('git'), ['topic']);
  assert.deepEqual(found('git', 'push'), ['unknown']);
  assert.deepEqual(found('nonsense'), ['unknown']);
});

test('a typing mistake gets a suggestion, nonsense does not', () => {
  assert.equal(nearestCommand('confg'), 'config');
  assert.equal(nearestCommand('logss'), 'logs');
  assert.equal(nearestCommand('lgos'), 'logs');
  assert.equal(nearestCommand('config:ste'), 'config:set');
  assert.equal(nearestCommand('xyzzy'), null);
});

test('every command is in the file of its name, and no name is used twice', async () => {
  const entries = commandGroups.flatMap(({ commands }) => commands);
  const names = entries.flatMap(({ name, aliases }) => [name, ...aliases]);
  assert.equal(new Set(names).size, names.length);
  for (const { name, load } of entries) {
    const file = join(import.meta.dirname, '../../src/cli/commands', `${name.replaceAll(':', '/')}.ts`);
    assert.ok(existsSync(file), `${name} is not in ${file}`);
    assert.equal((await load()).default, (await import(file)).default, `${name} loads another file`);
  }
});

test('an error of the client exits with 1, wrong arguments with 2', () => {
  assert.equal(exitCodeOf(new PlatformError('unavailable', 'x')), 1);
  assert.equal(exitCodeOf(new PlatformError('invalid_params', 'x')), 2);
  assert.equal(exitCodeOf(new TypeError('x')), 1);
});
