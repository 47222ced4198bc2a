import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { PlatformError } from '../../src/domain/errors.ts';
import { admit } from '../../src/git-receive/gate.ts';
import { gitArguments } from '../../src/git-receive/git-command.ts';
import { parseRefUpdates, type RefUpdate } from '../../src/git-receive/ref-update.ts';

const a = 'a'.repeat(40);
const b = 'b'.repeat(40);
const zero = '0'.repeat(40);

function push(...refs: readonly (readonly [ref: string, newId?: string | null])[]) {
  const updates: RefUpdate[] = refs.map(([ref, newId = b]) => ({ ref, oldId: a, newId }));
  return admit({ updates, isWhole: true }, 100);
}

describe('the requests of a push', () => {
  it('deploy main and master, and no name that only looks like them', () => {
    assert.equal(push(['refs/heads/main']).deploy?.newId, b);
    assert.equal(push(['refs/heads/master']).deploy?.newId, b);
    for (const name of ['Main', 'main2', 'mainx', 'feature/main', 'refs/heads/main', 'm\u0430in']) {
      const admission = push([`refs/heads/${name}`]);
      assert.equal(admission.deploy, null, name);
      assert.deepEqual(admission.skipped, [name]);
    }
    assert.equal(push(['refs/tags/main']).deploy, null);
  });

  it('deploy the one deploy branch among other branches and tags', () => {
    const admission = push(['refs/heads/feature'], ['refs/tags/v1'], ['refs/heads/main'], ['refs/heads/old', null]);
    assert.equal(admission.deploy?.ref, 'refs/heads/main');
    assert.deepEqual(admission.skipped, ['feature']);
  });

  it('are refused for main and master in one push, because each would be deployed', () => {
    assert.throws(() => push(['refs/heads/main'], ['refs/heads/master']), /main and master/);
  });

  it('are refused for deleting a deploy branch, not for deleting other branches and tags', () => {
    assert.throws(
      () => push(['refs/heads/main', null]),
      /main is the branch that is deployed, so it cannot be deleted/,
    );
    assert.throws(() => push(['refs/heads/master', null]), PlatformError);
    assert.equal(push(['refs/heads/feature', null], ['refs/tags/v1', null]).deploy, null);
  });

  it('are refused for a branch below a deploy branch, because git could then never update it', () => {
    assert.throws(() => push(['refs/heads/main/x']), /main\/x cannot exist beside main/);
    assert.equal(push(['refs/heads/main/x', null]).deploy, null);
  });

  it('are refused for anything but branches and tags', () => {
    for (const ref of ['refs/paas/x', 'refs/pull/1/head', 'HEAD', 'refs/notes/commits', 'refs/heads']) {
      assert.throws(() => push([ref]), /neither a branch nor a tag/, ref);
    }
  });

  it('are refused for names that git check-ref-format does not allow', () => {
    for (const name of [
      'a..b',
      'a b',
      'a~1',
      'a^',
      'a:b',
      'a?',
      'a*',
      'a[',
      'a\\b',
      '.a',
      'a/.b',
      'a.lock',
      'a.lock/b',
    ]) {
      assert.throws(() => push([`refs/heads/${name}`]), /not a name that git allows/, name);
    }
    for (const name of ['a//b', 'a/', 'a.', 'a@{b', 'a\x7f', 'a\tb', '/a']) {
      assert.throws(() => push([`refs/heads/${name}`]), /not a name that git allows/, name);
    }
    for (const name of ['-x', '$(id)', 'a;b', '@', 'a@b', 'a.b', 'lock', 'ü', "a'b", '{a,b}']) {
      assert.doesNotThrow(() => push([`refs/heads/${name}`]), name);
    }
  });

  it('are refused for more than a hundred refs, or for a list that was cut off', () => {
    const updates = Array.from({ length: 101 }, (_, n) => ({ ref: `refs/heads/b${n}`, oldId: null, newId: b }));
    assert.throws(() => admit({ updates, isWhole: true }, 100), /changes 101 refs, and 100 is the limit/);
    assert.throws(() => admit({ updates: updates.slice(0, 3), isWhole: false }, 100), /more than 3 refs/);
    assert.doesNotThrow(() => admit({ updates: updates.slice(0, 100), isWhole: true }, 100));
  });
});

describe('the lines that git gives its hook', () => {
  it('are parsed back to the same values', () => {
    const text = `${zero} ${a} refs/heads/new\n${a} ${b} refs/heads/a b\n${b} ${zero} refs/tags/old\n`;
    assert.deepEqual(parseRefUpdates(text), [
      { oldId: null, newId: a, ref: 'refs/heads/new' },
      { oldId: a, newId: b, ref: 'refs/heads/a b' },
      { oldId: b, newId: null, ref: 'refs/tags/old' },
    ]);
  });

  it('can hold any ref name that git allows', () => {
    const name = fc.string({ minLength: 1, unit: 'binary' }).filter((text) => !/[\0\n]/.test(text));
    fc.assert(
      fc.property(fc.array(name, { maxLength: 20 }), (names) => {
        const rows = names.map((ref) => `${a} ${b} refs/heads/${ref}\n`).join('');
        assert.deepEqual(
          parseRefUpdates(rows).map(({ ref }) => ref),
          names.map((ref) => `refs/heads/${ref}`),
        );
      }),
    );
  });

  it('are refused in any other form', () => {
    for (const text of ['nonsense', `${a} ${b}\n`, `${a}  refs/heads/main\n`, `${a.slice(1)} ${b} refs/heads/main\n`]) {
      assert.throws(() => parseRefUpdates(text), { code: 'internal' }, text);
    }
  });
});

describe('the arguments for git', () => {
  it('place revisions and paths so that they cannot become options', () => {
    assert.deepEqual(gitArguments({ name: 'log', options: ['-1'], revisions: [a], paths: ['-x'] }), [
      'log',
      '-1',
      '--end-of-options',
      a,
      '--',
      '-x',
    ]);
    assert.deepEqual(gitArguments({ name: 'gc' }), ['gc']);
  });

  it('accept object ids and full ref names only', () => {
    for (const revision of [a, `${a}^{tree}`, `^${b}`, 'c'.repeat(64), 'refs/heads/main', 'refs/tags/$(id)']) {
      assert.doesNotThrow(() => gitArguments({ name: 'log', revisions: [revision] }), revision);
    }
    const bad = ['', '-x', '--upload-pack=x', 'main', 'HEAD', `${a} ${b}`, `${a}\n`, 'refs/heads/a b', 'refs/heads/*'];
    for (const revision of [...bad, a.slice(1), a.toUpperCase(), `${a}:file`, 'refs/heads/x^{/y}', 'refs/paas/x']) {
      assert.throws(() => gitArguments({ name: 'log', revisions: [revision] }), { code: 'internal' }, revision);
    }
    assert.throws(() => gitArguments({ name: 'log', paths: [''] }), { code: 'internal' });
    assert.throws(() => gitArguments({ name: 'log', paths: ['a\0b'] }), { code: 'internal' });
  });
});
