import { mkdirSync, openSync, readFileSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { paths } from '../config/paths.ts';
import type { Settings } from '../config/settings.ts';
import { PlatformError } from '../domain/errors.ts';
import { systemClock } from '../system/clock.ts';
import type { LauncherLock } from './lock.ts';
import { Program, type ReadyMessage } from './program.ts';
import { isRunning, type RunningProcess, signalProcess } from './running-process.ts';
import type { Announcer } from './terminal.ts';

const readyTimeoutMs = 60_000;
const largestLogBytes = 16 * 1024 * 1024;

/**
 * The orchestrator answers requests and waits for the engine, so most of its objects live briefly. By default V8 lets
 * 48 MB of young garbage collect, and with a limit of gigabytes lets the old generation grow to four times the live
 * objects (below 2 GB, 1.3 to 2 times). Optimizing for size saves 12 MB of code. None of the three costs CPU time here.
 * The resolver keeps V8's young generation: with 4 MB a request costs a third more CPU time, with 8 MB a twentieth
 * more.
 */
export const orchestratorArgs = [
  '--max-semi-space-size=2',
  '--max-old-space-size=1024',
  '--optimize-for-size',
] as const;

const programs = {
  resolver: { script: fileURLToPath(new URL('../resolver/main.ts', import.meta.url)), nodeArgs: [] },
  orchestrator: {
    script: fileURLToPath(new URL('../orchestrator/main.ts', import.meta.url)),
    nodeArgs: orchestratorArgs,
  },
} as const;

/**
 * Ends programs that a killed launcher left behind, because they hold the ports and the store: SIGTERM, after 10 s
 * SIGKILL.
 */
export async function endOrphans(orphans: readonly RunningProcess[], announcer: Announcer): Promise<void> {
  if (orphans.length === 0) return;
  announcer.step('Ending programs that a killed platform left running');
  for (const orphan of orphans) signalProcess(orphan, 'SIGTERM');
  const end = systemClock.monotonicMs() + 10_000;
  while (orphans.some(isRunning) && systemClock.monotonicMs() < end) await systemClock.sleep(50);
  for (const orphan of orphans) signalProcess(orphan, 'SIGKILL');
}

/** The two programs of a platform, kept running until `stop`. */
export class RunningPlatform {
  readonly #programs: readonly Program[];
  /** Folder of the programs' logs; null when their output goes to the launcher's own. */
  readonly #logs: string | null;

  constructor(
    settings: Settings,
    {
      lock,
      announcer,
      terminal,
      env,
    }: {
      readonly lock: LauncherLock;
      readonly announcer: Announcer;
      readonly terminal: boolean;
      /** The flags as variables, because the programs cannot read the launcher's flags. */
      readonly env: Readonly<Record<string, string>>;
    },
  ) {
    const { logs, cache } = paths(settings.home);
    // A terminal shows only messages for its owner. The journal gets everything.
    this.#logs = terminal ? logs : null;
    const onChange = () => {
      const running = this.#programs.flatMap(({ name, pid }) => (pid === null ? [] : [[name, pid] as const]));
      lock.writePrograms(Object.fromEntries(running));
    };
    this.#programs = (['resolver', 'orchestrator'] as const).map(
      (name) =>
        new Program({
          name,
          ...programs[name],
          output: this.#logs === null ? 'inherit' : openLog(this.#logs, name),
          env: { ...env, NODE_COMPILE_CACHE: join(cache, 'compiled') },
          onChange,
          onDeath: (what) => announcer.print(`The ${name} ended: ${what}.`),
        }),
    );
  }

  /**
   * Resolves with the programs' ready messages. Throws `unavailable` with the last lines of the failed program's log.
   */
  async start(signal: AbortSignal): Promise<ReadyMessage> {
    const deadline = AbortSignal.any([signal, AbortSignal.timeout(readyTimeoutMs)]);
    const messages = await Promise.all(this.#programs.map((program) => this.#startOne(program, deadline)));
    signal.throwIfAborted();
    return Object.assign({}, ...messages);
  }

  /** Ends both programs. The apps' containers go on. */
  async stop(graceMs: number): Promise<void> {
    await Promise.all(this.#programs.map((program) => program.stop(graceMs)));
  }

  kill(): void {
    for (const program of this.#programs) program.kill();
  }

  async #startOne(program: Program, deadline: AbortSignal): Promise<ReadyMessage> {
    const late = new Promise<never>((_, reject) => {
      const abort = () => reject(new Error(`The ${program.name} was not ready within ${readyTimeoutMs / 1000} s.`));
      deadline.addEventListener('abort', abort, { once: true });
    });
    try {
      return await Promise.race([program.start(), late]);
    } catch (cause) {
      const { message } = cause as Error;
      if (this.#logs === null) throw new PlatformError('unavailable', message, { cause });
      const log = join(this.#logs, `${program.name}.log`);
      throw new PlatformError('unavailable', `${message}${lastLines(log)}`, { hint: `See ${log}`, cause });
    }
  }
}

/** A log that cannot be opened ends no program: its lines go to the launcher's own output instead. */
function openLog(folder: string, name: string): number | 'inherit' {
  const path = join(folder, `${name}.log`);
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
    if (size > largestLogBytes) renameSync(path, `${path}.1`);
    return openSync(path, 'a', 0o600);
  } catch {
    return 'inherit';
  }
}

function lastLines(path: string): string {
  try {
    const lines = readFileSync(path, 'utf8').trimEnd().split('\n').slice(-10);
    return `\n${lines.map((line) => `  ${line}`).join('\n')}`;
  } catch {
    return '';
  }
}
