import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  artifactsToGoBackTo,
  keptArtifacts,
  type Release,
  type ReleaseStatus,
  rollbackRefusal,
} from '../../src/domain/release.ts';

const releases = (...made: readonly (readonly [artifactId: string | null, status?: ReleaseStatus])[]): Release[] =>
  made
    .map(
      ([artifactId, status = 'succeeded'], index): Release => ({
        id: `r${index + 1}`,
        appId: 'a',
        version: index + 1,
        artifactId,
        cause: 'deploy',
        description: '',
        accountId: 'x',
        status,
        createdAt: new Date(),
      }),
    )
    .reverse();

const deploys = (count: number) => Array.from({ length: count }, (_, index) => [`b${index + 1}`] as const);

describe('the builds that an app can go back to', () => {
  it('are the newest that were live, however many releases each of them had', () => {
    const list = releases([null], ...deploys(12), ['b12'], ['b12'], ['b11']);
    const kept = artifactsToGoBackTo(list);
    assert.equal(kept.size, keptArtifacts);
    assert.deepEqual([...kept].slice(0, 3), ['b11', 'b12', 'b10']);
    assert.ok(!kept.has('b1') && !kept.has('b2'));
  });

  it('do not come back once they have left, whatever is released later', () => {
    let made = deploys(12) as (readonly [string])[];
    const gone = () => {
      const kept = artifactsToGoBackTo(releases(...made));
      return deploys(12).filter(([id]) => !kept.has(id)).length;
    };
    const before = gone();
    for (const id of ['b3', 'b7', 'b12', 'b3']) {
      made = [...made, [id]];
      assert.equal(gone(), before);
    }
  });

  it('do not count what failed or is not finished', () => {
    const kept = artifactsToGoBackTo(releases(['b1'], ['b2', 'failed'], ['b3', 'pending']));
    assert.deepEqual([...kept], ['b1']);
  });

  it('come with the reason why another release is not among them', () => {
    const list = releases([null], ...deploys(12), ['b13', 'failed'], ['b14', 'pending']);
    const refusal = (version: number) => {
      const release = list.find((one) => one.version === version);
      return release ? rollbackRefusal(release, list) : 'none';
    };
    assert.equal(refusal(1), 'it has no build');
    assert.equal(refusal(2), 'only the 10 newest builds that were live are kept');
    assert.equal(refusal(13), null);
    assert.equal(refusal(14), 'it failed');
    assert.equal(refusal(15), 'it is not finished');
  });
});
