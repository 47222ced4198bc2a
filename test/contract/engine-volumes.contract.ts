import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { UnderTest } from './engine.contract.ts';

export function volumesContract(underTest: UnderTest): void {
  describe('volumes', () => {
    test('what one container writes to a volume, the next one reads', async () => {
      const fixture = underTest();
      const { volumes } = fixture.engine;
      const name = `${fixture.runId}-cache`;
      await volumes.create(name, fixture.labels);
      await volumes.create(name, fixture.labels);
      // A volume takes over owner and content of the directory it is first mounted on.
      const writer = await fixture.run('echo kept > /home/note', { volumes: [{ name, path: '/home' }] });
      assert.equal(writer.exitCode, 0, writer.stderr);
      const reader = await fixture.run('cat /home/note; touch /home/x', {
        volumes: [{ name, path: '/home', readOnly: true }],
      });
      assert.equal(reader.stdout, 'kept\n');
      assert.match(reader.stderr, /Read-only/);
      assert.deepEqual(await volumes.list(fixture.labels), [{ name, labels: fixture.labels }]);
      await volumes.remove(name);
      await volumes.remove(name);
      assert.deepEqual(await volumes.list(fixture.labels), []);
    });

    test('a volume with the same name and another owner is a conflict', async () => {
      const { engine, runId, labels } = underTest();
      const name = `${runId}-foreign`;
      await engine.volumes.create(name, labels);
      await assert.rejects(engine.volumes.create(name, { ...labels, other: 'yes' }), { code: 'conflict' });
      await engine.volumes.remove(name);
    });

    test('removing a volume in use is a conflict', async () => {
      const fixture = underTest();
      const { volumes, containers } = fixture.engine;
      const name = `${fixture.runId}-used`;
      await volumes.create(name, fixture.labels);
      const id = await containers.create(fixture.spec('true', { volumes: [{ name, path: '/data' }] }));
      await assert.rejects(volumes.remove(name), { code: 'conflict' });
      await containers.remove(id);
      await volumes.remove(name);
    });
  });
}
