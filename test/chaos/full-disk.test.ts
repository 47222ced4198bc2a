import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { isRoot } from '../../src/system/privileges.ts';
import { figureText } from '../runner/figures.ts';
import { eventually } from '../support/eventually.ts';
import { TestPlatform } from '../support/platform.ts';
import { isAlive } from '../support/processes.ts';
import { pythonApp } from '../support/sample-apps.ts';
import { SmallDisk } from '../support/small-disk.ts';
import { startVisitors, type Visit } from './visitors.ts';

const mebibyte = 1024 * 1024;
const perSecond = 50;
const rounds = ['orchestrator', 'resolver', 'launcher', 'orchestrator', 'resolver', 'launcher'] as const;

it('a full disk, and then a kill of each program, ends nothing: apps answer, a start works, nothing acknowledged is lost', async (t) => {
  if (!isRoot()) return t.skip('only root can mount a small disk');
  const root = await mkdtemp(join(tmpdir(), 'paas-full-'));
  const disk = new SmallDisk(join(root, 'paas'), { bytes: 320 * mebibyte });
  const paas = await TestPlatform.start({ root, settings: { PAAS_RESERVE_MIB: '16' } });
  try {
    const repo = await paas.deployed('tough', pythonApp('one'));
    const isWhole = () =>
      eventually('the reserve is whole', async () => /16 MiB of 16 MiB/.test((await paas.paas(['doctor'])).stdout), {
        deadlineMs: 60_000,
      });
    const counts = { acknowledged: 0, refused: 0 };
    const acknowledged: string[] = [];
    /** Sets a var on the full disk. It must go through, or be refused in words. */
    const change = async () => {
      const name = `VAR_${counts.acknowledged + counts.refused}`;
      const { code, stderr } = await paas.paas(['config:set', `${name}=1`], { cwd: repo });
      if (code === 0) acknowledged.push(name);
      else assert.match(stderr, /The disk is full \(.* free\)[\s\S]*Free some space/);
      counts[code === 0 ? 'acknowledged' : 'refused'] += 1;
    };
    const kill = async (program: (typeof rounds)[number]): Promise<KillTime | null> => {
      const from = Date.now();
      if (program === 'launcher') {
        await paas.killLauncher();
        disk.fill();
        await paas.launch();
      } else {
        const pid = paas.pidOf(program);
        process.kill(pid, 'SIGKILL');
        await eventually(`the ${program} has ended`, () => !isAlive(pid), { everyMs: 1 });
      }
      const to = Date.now();
      await eventually('the API answers', async () => (await paas.api('/healthz')).status === 200, {
        deadlineMs: 30_000,
      });
      return program === 'resolver' ? { from, to } : null;
    };
    await isWhole();
    await using visitors = await startVisitors({ port: paas.httpPort, host: 'tough.localhost', perSecond });
    const killed: KillTime[] = [];
    for (const program of rounds) {
      disk.fill();
      await change();
      disk.fill();
      const killTime = await kill(program);
      if (killTime) killed.push(killTime);
    }
    const visits = await visitors.report();
    const failed = visits.filter(({ failure }) => failure !== null);
    const unexpected = failed.filter((visit) => !killed.some((one) => wasInFlight(visit, one)));
    const { stdout } = await paas.paas(['config', '--json'], { cwd: repo });
    const found = JSON.parse(stdout) as Readonly<Record<string, string>>;
    const lost = acknowledged.filter((name) => found[name] !== '1');
    t.diagnostic(
      figureText({
        what: `a disk that is filled again and again, ${rounds.length} × kill -9 at ${perSecond} requests/s`,
        before: `${visits.length} requests, ${counts.acknowledged + counts.refused} changes`,
        during: `${unexpected.length} failed, ${failed.length - unexpected.length} in flight; ${counts.refused} changes refused, ${lost.length} lost; every start worked`,
        limit: '0 failed, 0 lost',
        held: unexpected.length === 0 && lost.length === 0,
      }),
    );
    assert.deepEqual([unexpected, lost], [[], []]);
    assert.match((await paas.paas(['doctor'])).stdout, /disk reserve +(the disk is full|\d)/i);
    disk.empty();
    await change();
    await isWhole();
  } catch (error) {
    t.diagnostic(paas.output.slice(-6000));
    throw error;
  } finally {
    await paas.stop();
    disk[Symbol.dispose]();
    await paas[Symbol.asyncDispose]();
    await rm(root, { recursive: true, force: true });
  }
});

/** Of a resolver: from the signal until the process had ended, in milliseconds since 1970 UTC. */
interface KillTime {
  readonly from: number;
  readonly to: number;
}

function wasInFlight({ begunAt, endedAt }: Visit, { from, to }: KillTime): boolean {
  return begunAt <= to && endedAt >= from;
}
