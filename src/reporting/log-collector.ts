import type { ContainerOnHost, ContainerState } from '../domain/containers.ts';
import type { Engines } from '../domain/engines.ts';
import { type Instance, processName } from '../domain/instance.ts';
import { labelNames } from '../domain/labels.ts';
import { type Clock, systemClock } from '../system/clock.ts';
import type { Logger } from '../system/logger.ts';
import { PerHost } from '../system/per-host.ts';
import type { ResumableLog } from './app-log.ts';
import { InstanceOutput, type OutputSource } from './instance-output.ts';

export interface LogCollectorDeps {
  readonly engines: Engines;
  readonly appLog: ResumableLog;
  readonly platformId: string;
  readonly logger: Logger;
  readonly clock?: Clock;
}

/** Resumes the containers that are on a host when the collector starts or the host joins. */
interface Adoption {
  readonly done: Promise<void>;
  close(): Promise<void>;
}

const retryMs = 500;
/** `finished` waits at most this long for a container's last lines. */
const lastLinesMs = 5_000;
/** By then the last lines of an ended container are usually in the log. */
const hurryAfterMs = 500;
/** How long an ended container is remembered, so that it is not read again. */
const rememberMs = 10 * 60_000;

/**
 * Collects the output of instances into their apps' logs: each line once and in order, also across restarts of the
 * platform and of the engine. Containers that exist at its start are resumed where the log ends, whether they still run
 * or have ended meanwhile.
 */
export class LogCollector {
  readonly #deps: LogCollectorDeps;
  readonly #clock: Clock;
  readonly #closing = new AbortController();
  readonly #followed = new Map<string, { readonly output: InstanceOutput; readonly ended: Promise<void> }>();
  readonly #adoptions: PerHost<Adoption>;

  constructor(deps: LogCollectorDeps) {
    this.#deps = deps;
    this.#clock = deps.clock ?? systemClock;
    this.#adoptions = new PerHost(deps.engines, (hostId) => this.#adoption(hostId));
    this.#adoptions.start();
  }

  /** From now on the container's output is in the app's log, from its first line. Calling again changes nothing. */
  watch(
    instance: Pick<Instance, 'appId' | 'type' | 'slot' | 'hostId'>,
    containerId: string,
    release: number | null,
  ): void {
    const { appId, hostId } = instance;
    const source = { hostId, containerId, appId, process: processName(instance), release, resume: false };
    // Where to continue with a container that existed at the start is known to the adoption, which therefore comes
    // first.
    void this.#adopted(hostId).then(() => this.#follow(source));
  }

  /** Resolves when all output of an ended container is in the app's log, or after five seconds. */
  async finished({ hostId, containerId }: ContainerOnHost): Promise<void> {
    const waiting = new AbortController();
    const deadline = this.#clock.sleep(lastLinesMs, waiting.signal).then(
      () => this.#deps.logger.warn("A container's last lines did not come in time.", { containerId }),
      () => undefined,
    );
    const soon = this.#clock.sleep(hurryAfterMs, waiting.signal).then(
      () => this.#followed.get(containerId)?.output.hurry(),
      () => undefined,
    );
    await Promise.race([this.#adopted(hostId).then(() => this.#followed.get(containerId)?.ended), deadline]);
    waiting.abort();
    await soon;
  }

  /** Resolves when nothing more is written. The next collector continues where this one stops. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#adoptions.close();
    await Promise.all([...this.#followed.values()].map(({ ended }) => ended));
  }

  #follow({ hostId, ...source }: OutputSource & ContainerOnHost): void {
    const { containerId } = source;
    const { engines, appLog, logger } = this.#deps;
    if (this.#followed.has(containerId) || this.#closing.signal.aborted || !engines.known().includes(hostId)) return;
    const output = new InstanceOutput(source, { engine: engines.on(hostId), appLog, logger, clock: this.#clock });
    const ended = output
      .run(this.#closing.signal)
      .catch((error: unknown) => logger.error("An instance's output is not followed any more.", { containerId, error }))
      .then(() => {
        setTimeout(() => this.#followed.delete(containerId), rememberMs).unref();
      });
    this.#followed.set(containerId, { output, ended });
  }

  #adopted(hostId: string): Promise<void> {
    return this.#adoptions.get(hostId)?.done ?? Promise.resolve();
  }

  #adoption(hostId: string): Adoption {
    const closing = new AbortController();
    const done = this.#adopt(hostId, closing.signal);
    const close = () => {
      closing.abort();
      return done;
    };
    return { done, close };
  }

  async #adopt(hostId: string, signal: AbortSignal): Promise<void> {
    const { engines, platformId, logger } = this.#deps;
    const engine = engines.on(hostId);
    const labels = { [labelNames.platform]: platformId, [labelNames.role]: 'instance' };
    while (!signal.aborted) {
      try {
        const containers = await engine.containers.list(labels);
        for (const container of containers) this.#adoptOne(container, hostId);
        return;
      } catch (error) {
        logger.warn('The instances whose output is to be followed cannot be listed; trying again.', { error, hostId });
      }
      await this.#clock.sleep(retryMs, signal).catch(() => undefined);
    }
  }

  #adoptOne({ id, labels, status }: ContainerState, hostId: string): void {
    const { [labelNames.app]: appId, [labelNames.process]: process, [labelNames.release]: release } = labels;
    if (status === 'created' || !appId || !process) return;
    const version = Number(release?.replace(/^v/, ''));
    this.#follow({
      hostId,
      containerId: id,
      appId,
      process,
      release: Number.isInteger(version) ? version : null,
      resume: true,
    });
  }
}

export function createLogCollector(deps: LogCollectorDeps): LogCollector {
  return new LogCollector(deps);
}
