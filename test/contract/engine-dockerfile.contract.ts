import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { baseOf, Collected, dockerfileBuild } from '../support/dockerfile-build.ts';
import { eventually } from '../support/eventually.ts';
import type { UnderTest } from './engine.contract.ts';

const never = new AbortController().signal;

export function dockerfileContract(underTest: UnderTest): void {
  describe('building a Dockerfile', { concurrency: 2 }, () => {
    test('steps and their output are reported, and the image has their files', async () => {
      const fixture = underTest();
      const output = new Collected();
      const dockerfile = `FROM ${baseOf(fixture)}
ARG GREETING
COPY note /data/note
RUN echo "$GREETING" > /data/greeting; echo working for ${fixture.runId}; echo trouble >&2
USER 10001
CMD ["cat", "/data/note"]
`;
      const id = await fixture.engine.images.buildDockerfile(
        {
          ...dockerfileBuild(fixture, { Dockerfile: dockerfile, note: 'from the context\n' }, output),
          buildArgs: { GREETING: 'two words & "quotes"' },
        },
        never,
      );
      const { stdout } = await fixture.run('cat /data/note /data/greeting', { image: id });
      assert.equal(stdout, 'from the context\ntwo words & "quotes"\n');
      const image = await fixture.engine.images.inspect(id);
      assert.deepEqual(image?.labels, fixture.labels);
      assert.equal(image.config.user, '10001');
      assert.match(output.text, /\[2\/3\] COPY note/);
      assert.match(output.text, /\[3\/3\] RUN echo/);
      assert.match(output.text, /^working for /m);
      assert.match(output.text, /^trouble$/m);
      assert.doesNotMatch(output.text, /\[internal\]/);
    });

    test('trimming the build cache keeps recent builds', async () => {
      const fixture = underTest();
      const { images } = fixture.engine;
      const dockerfile = `FROM ${baseOf(fixture)}\nRUN cat /proc/uptime > /when-${fixture.runId}\n`;
      const build = () =>
        images.buildDockerfile(dockerfileBuild(fixture, { Dockerfile: dockerfile }, new Collected()), never);
      const first = await build();
      await images.trimBuildCache({ keepBytes: 0, unusedForMs: 365 * 24 * 60 * 60_000 });
      assert.deepEqual(
        (await images.inspect(await build()))?.diffIds,
        (await images.inspect(first))?.diffIds,
        'the step was not done again',
      );
    });

    test('a failing step is reported as the user’s error, with its name, its exit code and its last lines', async () => {
      const fixture = underTest();
      const output = new Collected();
      const dockerfile = `FROM ${baseOf(fixture)}\nRUN seq 1 30; echo "no such module: left-pad" >&2; exit 9\n`;
      const building = fixture.engine.images.buildDockerfile(
        dockerfileBuild(fixture, { Dockerfile: dockerfile }, output),
        never,
      );
      await assert.rejects(building, (error: Error & { code: string }) => {
        assert.equal(error.code, 'build_failed');
        assert.match(error.message, /\[2\/2\] RUN seq 1 30.*exit code 9/);
        assert.match(error.message, /no such module: left-pad/);
        assert.doesNotMatch(error.message, /^5$/m);
        return true;
      });
      assert.match(output.text, /^5$/m);
    });

    test('an error names the line of a mistake, or the missing base image', async () => {
      const fixture = underTest();
      const build = (dockerfile: string) =>
        fixture.engine.images.buildDockerfile(
          dockerfileBuild(fixture, { Dockerfile: dockerfile }, new Collected()),
          never,
        );
      await assert.rejects(build(`FROM ${baseOf(fixture)}\n\nRUNN true\n`), {
        code: 'build_failed',
        message: /unknown instruction: RUNN/i,
      });
      await assert.rejects(build(`FROM ${baseOf(fixture)}\nCOPY missing /x\n`), {
        code: 'build_failed',
        message: /missing/,
      });
    });

    test('another file and another stage can be chosen', async () => {
      const fixture = underTest();
      const dockerfile = `FROM ${baseOf(fixture)} AS one\nENV STAGE=one\nFROM one AS two\nENV STAGE=two\n`;
      const id = await fixture.engine.images.buildDockerfile(
        {
          ...dockerfileBuild(fixture, { 'deploy/Dockerfile.web': dockerfile }, new Collected()),
          dockerfile: 'deploy/Dockerfile.web',
          target: 'one',
        },
        never,
      );
      assert.ok((await fixture.engine.images.inspect(id))?.config.env?.includes('STAGE=one'));
    });

    test('an abort stops the running step', async () => {
      const fixture = underTest();
      const output = new Collected();
      const patience = new AbortController();
      const marker = `marker-${fixture.runId}`;
      const dockerfile = `FROM ${baseOf(fixture)}\nRUN echo ${marker}; while :; do sleep 0.1; done\n`;
      const building = fixture.engine.images.buildDockerfile(
        dockerfileBuild(fixture, { Dockerfile: dockerfile }, output),
        patience.signal,
      );
      const refused = assert.rejects(building, { code: 'cancelled' });
      await eventually('the step runs', () => output.lines.includes(marker));
      patience.abort();
      await refused;
      // Nothing of it is left: the same step runs again instead of joining the old one.
      const again = new Collected();
      const second = new AbortController();
      const repeated = fixture.engine.images.buildDockerfile(
        dockerfileBuild(fixture, { Dockerfile: dockerfile }, again),
        second.signal,
      );
      const stopped = assert.rejects(repeated, { code: 'cancelled' });
      await eventually('the step begins from its start', () => again.lines.includes(marker));
      second.abort();
      await stopped;
    });
  });
}
