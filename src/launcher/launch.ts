import { mkdirSync, openSync, readFileSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { paths } from '../config/paths.ts';
import type { Settings } from '../config/settings.ts';
import { PlatformError } from '../domain/errors.ts';
import type { BoundSocket } from '../system/bound-socket.ts';
import { systemClock } from '../system/clock.ts';
import type { LinkHello, ReadyFacts } from '../system/program-link.ts';
import { programIdentity } from './identity.ts';
import { type LivingPrograms, linkOf, livingPrograms, type ProgramName, programNames } from './living-programs.ts';
import type { LauncherLock } from './lock.ts';
import { Program } from './program.ts';
import { offerOf, PublicSocket } from './public-socket.ts';
import { resolverRuntime } from './resolver-runtime.ts';
import { endProcesses, isRunning, signalProcess } from './running-process.ts';
import { ownVariables } from './service-notices.ts';
import type { Announcer } from './terminal.ts';

/** A resolver ends the connections of its clients within this time, an orchestrator its work. */
const replacedGraceMs = 12_000;
/** Another program of this platform may have the socket and not answer yet. */
const socketPatienceMs = 5_000;
const socketEveryMs = 50;
const largestLogBytes = 16 * 1024 * 1024;

/**
 * The orchestrator answers requests and waits for the engine, so most of its objects live briefly. By default V8 lets
 * 48 MB of young garbage collect, and with a limit of gigabytes lets the old generation grow to four times the live
 * objects (below 2 GB, 1.3 to 2 times). Optimizing for size saves 12 MB of code. None of the three costs CPU time here.
 */
export const orchestratorArgs = [
  '--max-semi-space-size=2',
  '--max-old-space-size=1024',
  '--optimize-for-size',
] as const;

const programs = {
  resolver: { script: fileURLToPath(new URL('../resolver/main.ts', import.meta.url)), ...resolverRuntime },
  orchestrator: {
    script: fileURLToPath(new URL('../orchestrator/main.ts', import.meta.url)),
    nodeArgs: orchestratorArgs,
    env: {},
  },
} as const;

export interface PlatformParts {
  /** From `offeredSockets`. */
  readonly offers: readonly Promise<BoundSocket | null>[];
  readonly lock: LauncherLock;
  readonly announcer: Announcer;
  readonly terminal: boolean;
  /** The flags as variables, because the programs cannot read the launcher's flags. */
  readonly env: Readonly<Record<string, string>>;
}

/** The two programs of a platform, kept running until `stop`. Those that an earlier launcher left are adopted. */
export class RunningPlatform {
  readonly #home: string;
  readonly #identity: string;
  readonly #parts: PlatformParts;
  readonly #socket: PublicSocket;
  readonly #resolver: Program;
  readonly #orchestrator: Program;
  /** Folder of the programs' logs; null when their output goes to the launcher's own. */
  readonly #logs: string | null;
  #living: LivingPrograms = { resolver: null, orchestrator: null };
  /** Resolves when the resolver that was replaced has ended. */
  #replaced: Promise<void> = Promise.resolve();

  constructor(settings: Settings, parts: PlatformParts) {
    const { logs } = paths(settings.home);
    this.#home = settings.home;
    this.#identity = programIdentity(settings);
    this.#parts = parts;
    this.#socket = new PublicSocket(settings);
    // A terminal shows only messages for its owner. The journal gets everything.
    this.#logs = parts.terminal ? logs : null;
    this.#resolver = this.#program('resolver');
    this.#orchestrator = this.#program('orchestrator');
  }

  /**
   * Has the visitors served, by the resolver that runs already if it is of this version and has these settings. Any
   * other is replaced without a refused request, unless the port stays and the address changes. Throws `conflict` when
   * the port is taken, and `unavailable` with the last lines of the resolver's log.
   */
  async serve(signal: AbortSignal): Promise<ReadyFacts> {
    this.#living = await livingPrograms(this.#home, this.#parts.lock.left);
    const { resolver } = this.#living;
    await this.#socket.take(this.#parts.offers);
    if (!this.#socket.isHeld) await this.#takeSocket(programNames.filter((name) => this.#living[name]?.hello));
    const adopted = this.#adoptable('resolver');
    if (resolver && !resolver.hello) await endProcesses([resolver.process], 0);
    if (!adopted) await this.#bind();
    const facts = await this.#startOne(this.#resolver, { living: adopted, signal });
    if (resolver?.hello && !adopted) this.#replaced = endProcesses([resolver.process], replacedGraceMs);
    return facts;
  }

  /** Ends the programs that an earlier launcher left, because the platform that they belong to is set aside. */
  async endLeft(): Promise<void> {
    const living = Object.values(await livingPrograms(this.#home, this.#parts.lock.left));
    await endProcesses(
      living.flatMap((program) => (program ? [program.process] : [])),
      replacedGraceMs,
    );
  }

  /** Adopts the orchestrator that runs already. Null when there is none of this version and with these settings. */
  async adoptOrchestrator(signal: AbortSignal): Promise<ReadyFacts | null> {
    const { orchestrator } = this.#living;
    const living = this.#adoptable('orchestrator');
    if (living) return await this.#startOne(this.#orchestrator, { living, signal });
    if (orchestrator) await endProcesses([orchestrator.process], orchestrator.hello ? replacedGraceMs : 0);
    return null;
  }

  /** Throws `unavailable` with the last lines of its log. May be called again then. */
  async startOrchestrator(signal: AbortSignal): Promise<ReadyFacts> {
    return await this.#startOne(this.#orchestrator, { living: null, signal });
  }

  /** Ends the programs. The apps' containers go on. */
  async stop(graceMs: number): Promise<void> {
    await Promise.all([this.#resolver.stop(graceMs), this.#orchestrator.stop(graceMs), this.#replaced]);
  }

  kill(): void {
    this.#resolver.kill();
    this.#orchestrator.kill();
    const { resolver } = this.#living;
    if (resolver) signalProcess(resolver.process, 'SIGKILL');
  }

  #program(name: ProgramName): Program {
    const { lock, announcer, env } = this.#parts;
    return new Program({
      name,
      ...programs[name],
      link: linkOf(this.#home, name),
      identity: this.#identity,
      socket: () => this.#socketFd(name),
      output: this.#logs === null ? 'inherit' : openLog(this.#logs, name),
      env: {
        ...env,
        ...programs[name].env,
        ...ownVariables,
        NODE_COMPILE_CACHE: join(paths(this.#home).cache, 'compiled'),
      },
      onChange: () => {
        const running = [this.#resolver, this.#orchestrator].flatMap((one) =>
          one.pid === null ? [] : [[one.name, one.pid] as const],
        );
        // A program that is not adopted yet must not be forgotten.
        const left = Object.entries(lock.left).flatMap(([other, process]) =>
          isRunning(process) ? [[other, process.pid] as const] : [],
        );
        lock.writePrograms(Object.fromEntries([...left, ...running]));
      },
      onDeath: (what) => announcer.print(`The ${name} ended: ${what}.`),
    });
  }

  #adoptable(name: ProgramName): LinkHello | null {
    const hello = this.#living[name]?.hello ?? null;
    return hello?.identity === this.#identity ? hello : null;
  }

  /** A socket that could not be taken before, because its holder did not answer, is still with the other program. */
  async #socketFd(started: ProgramName): Promise<number> {
    const untilMs = systemClock.monotonicMs() + socketPatienceMs;
    for (;;) {
      if (!this.#socket.isHeld) await this.#takeSocket(programNames.filter((name) => name !== started));
      try {
        return await this.#socket.fd();
      } catch (error) {
        if (systemClock.monotonicMs() > untilMs) throw error;
      }
      await systemClock.sleep(socketEveryMs);
    }
  }

  async #takeSocket(holders: readonly ProgramName[]): Promise<void> {
    await this.#socket.take(holders.map((name) => offerOf(this.#home, name)));
  }

  /** Binds the socket, unless another program gave it. Those with other settings may have to free the port first. */
  async #bind(): Promise<void> {
    const living = Object.values(this.#living).flatMap((program) => (program ? [program.process] : []));
    try {
      await this.#socket.fd();
    } catch (error) {
      if (!living.some(isRunning)) throw error;
      await endProcesses(living, replacedGraceMs);
      await this.#socket.fd();
    }
  }

  async #startOne(
    program: Program,
    { living, signal }: { readonly living: LinkHello | null; readonly signal: AbortSignal },
  ): Promise<ReadyFacts> {
    const stopped = new Promise<never>((_, reject) => {
      const abort = () => reject(signal.reason);
      if (signal.aborted) abort();
      else signal.addEventListener('abort', abort, { once: true });
    });
    try {
      return await Promise.race([program.start(living), stopped]);
    } catch (cause) {
      if (cause instanceof PlatformError) throw cause;
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
