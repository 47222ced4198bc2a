import assert from 'node:assert/strict';
import { it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { environment } from '../../src/config/environment.ts';
import { labelNames } from '../../src/domain/labels.ts';
import { figureText } from '../runner/figures.ts';
import { eventually } from '../support/eventually.ts';
import { must } from '../support/platform.ts';
import { isAlive } from '../support/processes.ts';
import { pythonApp } from '../support/sample-apps.ts';
import { seeded } from '../support/seeded.ts';
import { KeptPlatform } from './kept-platform.ts';
import { startVisitors, type Visit } from './visitors.ts';

/** The programs by how often they are killed, in a hundred. */
const programs = { launcher: 30, resolver: 30, orchestrator: 30, instance: 10 } as const;
type Program = keyof typeof programs;

interface Kill {
  readonly program: Program;
  readonly killedAt: number;
  /** When the process had ended. */
  readonly goneAt: number;
  /** Until the API answered; null where it did not depend on the killed program. */
  readonly apiBackMs: number | null;
}

const perSecond = 50;
/** Each is killed five times: one that crashes more often in a row waits before it is started again. */
const killedInstances: string[] = [];
const seed = Number(environment().PAAS_CHAOS_SEED ?? 1);

it(`no request fails while programs are killed, but for those in flight in what was killed (seed ${seed})`, async (t) => {
  await using kept = await KeptPlatform.start();
  const { platform } = kept;
  const repo = await platform.deployed('steady', pythonApp('steady'));
  await must(platform.paas(['ps:scale', 'web=2'], { cwd: repo }));
  await eventually('two instances are up', async () => (await platform.containers('steady')).length === 2);
  await using visitors = await startVisitors({ port: platform.httpPort, host: 'steady.localhost', perSecond });
  const random = seeded(seed);
  const kills: Kill[] = [];
  for (const program of shuffled(random)) {
    await delay(random(1000));
    kills.push(await kill(program, kept));
    await kept.ready();
  }
  await delay(1000);
  const visits = await visitors.report();
  const failed = visits.filter(({ failure }) => failure !== null);
  const unexpected = failed.filter((visit) => !kills.some((one) => wasInFlight(visit, one)));
  const backMs = kills.flatMap(({ apiBackMs }) => apiBackMs ?? []).sort((a, b) => a - b);
  const medianMs = backMs[Math.floor(backMs.length / 2)] ?? Number.NaN;
  const inFlight = failed.length - unexpected.length;
  t.diagnostic(
    figureText({
      what: `${kills.length} × kill -9 of a program at ${perSecond} requests/s, seed ${seed}`,
      before: `${visits.length} requests`,
      during: `${unexpected.length} failed, ${inFlight} in flight in what was killed; API back after ${Math.round(medianMs)} ms (median)`,
      limit: '0 failed; 2000 ms',
      held: unexpected.length === 0 && medianMs <= 2000,
    }),
  );
  const seen = [...new Set(unexpected.map(described(kills)))];
  assert.equal(unexpected.length, 0, [...seen, ...kept.ends].join('\n'));
  await eventually('no instance is lost or left over', async () => (await platform.containers('steady')).length === 2);
});

/** All kills of the table, in an order of the seed. */
function shuffled(random: (below: number) => number): readonly Program[] {
  const all = Object.entries(programs).flatMap(([program, count]) =>
    Array.from({ length: count }, () => program as Program),
  );
  for (let at = all.length - 1; at > 0; at -= 1) {
    const other = random(at + 1);
    const [one, two] = [all[at], all[other]];
    if (one && two) [all[at], all[other]] = [two, one];
  }
  return all;
}

async function kill(program: Program, kept: KeptPlatform): Promise<Kill> {
  const { platform } = kept;
  if (program === 'instance') {
    const running = await platform.containers('steady');
    const named = running.map(({ id, labels }) => ({ id, name: labels[labelNames.process] ?? '' }));
    const kills = (name: string) => killedInstances.filter((one) => one === name).length;
    const [least] = named.sort((one, other) => kills(one.name) - kills(other.name));
    assert.ok(least, 'an instance runs');
    killedInstances.push(least.name);
    const killedAt = Date.now();
    await platform.engine.containers.kill(least.id, 'SIGKILL');
    return { program, killedAt, goneAt: Date.now(), apiBackMs: null };
  }
  // One that was just killed may not be started again yet.
  const pid = await eventually(`the ${program} runs`, () => {
    const found = program === 'launcher' ? platform.launcherPid : platform.pidOf(program);
    return Number.isInteger(found) && isAlive(found) ? found : null;
  });
  const killedAt = Date.now();
  process.kill(pid, 'SIGKILL');
  await eventually(`the ${program} has ended`, () => !isAlive(pid), { everyMs: 1 });
  const goneAt = Date.now();
  if (program === 'resolver') return { program, killedAt, goneAt, apiBackMs: null };
  await kept.ready();
  return { program, killedAt, goneAt, apiBackMs: Date.now() - killedAt };
}

/** Whether a process that serves visitors was killed while the request was under way: the answer may have begun. */
function wasInFlight({ begunAt, endedAt }: Visit, { program, killedAt, goneAt }: Kill): boolean {
  return (program === 'resolver' || program === 'instance') && begunAt <= goneAt && endedAt >= killedAt;
}

/** A failure with the kills before it. */
function described(kills: readonly Kill[]): (visit: Visit) => string {
  return ({ begunAt, endedAt, failure }) => {
    const before = kills.filter(({ killedAt }) => killedAt <= endedAt).slice(-4);
    const killed = before.map(({ program, killedAt }) => `${program} ${begunAt - killedAt} ms before it`);
    return `${failure?.replace(/request [\w-]+/, '')} after ${endedAt - begunAt} ms; killed: ${killed.join(', ')}`;
  };
}
