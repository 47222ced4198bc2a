import { accessSync, constants, existsSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { paths, type Settings } from '../../config/settings.ts';
import type { Engine } from '../../domain/engine.ts';
import { assertNever, PlatformError } from '../../domain/errors.ts';
import { systemClock } from '../../system/clock.ts';
import { isRoot } from '../../system/privileges.ts';
import { canInstallPackages, installPackages } from '../apt.ts';
import { type Detached, findProgram, runHostCommand, startDetached } from '../host-command.ts';
import type { SetUpStep } from '../set-up.ts';
import { type EnginePlan, failureReason, planEngine, type StartMethod, startMethods } from './engine-plan.ts';

const defaultSockets = ['/var/run/docker.sock', '/run/docker.sock'];
const daemonConfig = '/etc/docker/daemon.json';
/** Time for the engine to answer after each way of starting it. */
const startTimeoutMs = 45_000;
/** The same after a start that reported failure: some scripts fail although they have started it. */
const failedStartTimeoutMs = 2000;

/** Makes an engine answer: installs and starts one where the set-up may, else refuses with what is missing. */
export function engineStep(engine: Engine, settings: Settings): SetUpStep {
  let plan: EnginePlan = { kind: 'start' };
  return {
    async needed() {
      if (await answers(engine)) return null;
      plan = planEngine(facts(settings.dockerHost));
      if (plan.kind === 'refuse') throw new PlatformError('unavailable', plan.message, { hint: plan.hint });
      return plan.kind === 'install'
        ? 'Installing a container engine (docker.io): none answers on this host'
        : 'Starting the container engine: it is installed, but does not answer';
    },
    async perform(progress, signal) {
      if (plan.kind === 'install') await install(progress, signal);
      await start(engine, settings, { progress, signal });
    },
  };
}

async function answers(engine: Engine): Promise<boolean> {
  try {
    await engine.info();
    return true;
  } catch (error) {
    if (error instanceof PlatformError && error.code === 'unavailable') return false;
    throw error;
  }
}

function facts(dockerHost: string) {
  const socket = dockerHost.startsWith('unix://') ? dockerHost.slice('unix://'.length) : null;
  return {
    dockerHost,
    isDefaultHost: socket !== null && defaultSockets.includes(socket),
    isForbidden: socket !== null && existsSync(socket) && !isWritable(socket),
    isRoot: isRoot(),
    hasDaemon: findProgram('dockerd') !== null,
    canInstall: canInstallPackages(),
  };
}

async function install(progress: (line: string) => void, signal: AbortSignal): Promise<void> {
  // With live-restore the apps run on while the engine restarts. An existing file is the owner's and stays as it is.
  if (!existsSync(daemonConfig)) {
    mkdirSync('/etc/docker', { recursive: true });
    writeFileSync(daemonConfig, `${JSON.stringify({ 'live-restore': true }, null, 2)}\n`);
    progress(`wrote ${daemonConfig}: live-restore, so that apps outlive a restart of the engine`);
  }
  const packages = ['docker.io', 'iptables', 'ca-certificates'];
  // On a kernel with AppArmor the engine needs this package to load its profile, and starts no container without it.
  if (readText('/sys/module/apparmor/parameters/enabled').startsWith('Y') && !findProgram('apparmor_parser')) {
    packages.push('apparmor');
  }
  await installPackages(packages, progress, signal);
}

interface StartOptions {
  readonly progress: (line: string) => void;
  readonly signal: AbortSignal;
}

async function start(engine: Engine, settings: Settings, { progress, signal }: StartOptions): Promise<void> {
  const methods = startMethods({
    hasSystemd: existsSync('/run/systemd/system'),
    hasInitScript: existsSync('/etc/init.d/docker') && findProgram('service') !== null,
  });
  const log = paths(settings.home).engineLog;
  for (const method of methods) {
    // The package may have started it already. A second daemon would fail.
    if (await answers(engine)) return;
    let timeoutMs = startTimeoutMs;
    const daemon = await startBy(method, log, { progress, signal }).catch((error: Error) => {
      signal.throwIfAborted();
      progress(error.message);
      timeoutMs = failedStartTimeoutMs;
      return null;
    });
    if (await answersWithin(engine, { timeoutMs, daemon }, signal)) return;
  }
  const words = methods.includes('process') ? failureReason(readText(log)) : '';
  throw new PlatformError(
    'unavailable',
    `The container engine was started (${methods.join(', ')}) but does not answer${words === '' ? '.' : `: ${words}`}`,
    {
      hint: `Its own log says more: ${methods[0] === 'systemd' ? 'journalctl -u docker' : log}`,
    },
  );
}

/** Returns the daemon when it is a child process; null when systemd or an init script started it. */
async function startBy(method: StartMethod, log: string, { progress, signal }: StartOptions): Promise<Detached | null> {
  const timeoutMs = 90_000;
  switch (method) {
    case 'systemd':
      progress('systemctl enable --now docker');
      await runHostCommand({ program: 'systemctl', args: ['enable', '--now', 'docker'], timeoutMs }, progress, signal);
      return null;
    case 'service':
      progress('service docker start');
      await runHostCommand({ program: 'service', args: ['docker', 'start'], timeoutMs }, progress, signal);
      return null;
    case 'process':
      progress(`dockerd as a separate process, which goes on when the platform stops. Its log: ${log}`);
      mkdirSync(join(log, '..'), { recursive: true });
      return startDetached(findProgram('dockerd') ?? 'dockerd', daemonOptions(), openSync(log, 'a', 0o600));
    default:
      return assertNever(method, 'start method');
  }
}

/** The daemon does not start with an option that is also in its file. In a swarm it refuses live-restore. */
function daemonOptions(): readonly string[] {
  const isConfigured = readText(daemonConfig).includes('live-restore');
  return isConfigured || existsSync('/var/lib/docker/swarm/state.json') ? [] : ['--live-restore'];
}

async function answersWithin(
  engine: Engine,
  { timeoutMs, daemon }: { readonly timeoutMs: number; readonly daemon: Detached | null },
  signal: AbortSignal,
): Promise<boolean> {
  const end = systemClock.monotonicMs() + timeoutMs;
  while (systemClock.monotonicMs() < end) {
    if (await answers(engine)) return true;
    if (daemon?.hasEnded()) return false;
    await systemClock.sleep(200, signal);
  }
  return false;
}

function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.R_OK | constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
