import { randomBytes } from 'node:crypto';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { ContainerSpec } from '../domain/containers.ts';
import { type Labels, labelNames } from '../domain/labels.ts';
import { writeCache } from '../system/durable-file.ts';
import type { Connection } from './connection.ts';
import { engineMessage } from './docker-errors.ts';
import type { EngineAbilities } from './policy.ts';
import { postContainer } from './post-container.ts';
import { removeContainer } from './remove-container.ts';

/** Enough for a busy server, and small enough for programs that close every possible descriptor one by one. */
const wanted = 20_000;
const candidates = [wanted, 10_240, 4096, 1024];

/**
 * How many open files a container may have on this engine. A container with a higher limit than its runtime's own does not
 * start ("error setting rlimit type 7"), and no API call gives that limit. So it is tried once, with a container whose
 * program does not exist, and cached per engine in `cacheDir`.
 */
export class OpenFilesLimit {
  readonly #connection: Connection;
  readonly #file: string | null;
  #known: Promise<number> | null = null;

  constructor(connection: Connection, cacheDir: string | null) {
    this.#connection = connection;
    this.#file = cacheDir === null ? null : join(cacheDir, 'engine-open-files.json');
  }

  /** The trial container takes its image and labels from `spec`. It does not run the program of `spec`. */
  value(engineId: string, spec: ContainerSpec, abilities: Omit<EngineAbilities, 'openFiles'>): Promise<number> {
    if (this.#known === null) {
      const found = this.#find(engineId, spec, abilities);
      this.#known = found;
      found.catch(() => {
        if (this.#known === found) this.#known = null;
      });
    }
    return this.#known;
  }

  /** After a restart the engine may have a lower limit: the next container tries again. */
  async forget(): Promise<void> {
    this.#known = null;
    if (this.#file !== null) await rm(this.#file, { force: true });
  }

  async #find(engineId: string, spec: ContainerSpec, abilities: Omit<EngineAbilities, 'openFiles'>): Promise<number> {
    const remembered = await this.#read();
    if (remembered?.engineId === engineId) return remembered.openFiles;
    let openFiles = candidates.at(-1) ?? 1024;
    for (const candidate of candidates) {
      if (await this.#starts(candidate, spec, abilities)) {
        openFiles = candidate;
        break;
      }
    }
    if (this.#file !== null) await writeCache(this.#file, JSON.stringify({ engineId, openFiles }));
    return openFiles;
  }

  async #read(): Promise<{ readonly engineId: string; readonly openFiles: number } | null> {
    if (this.#file === null) return null;
    try {
      return JSON.parse(await readFile(this.#file, 'utf8'));
    } catch {
      // The cache file is missing or incomplete; it is written again.
      return null;
    }
  }

  async #starts(
    openFiles: number,
    spec: ContainerSpec,
    abilities: Omit<EngineAbilities, 'openFiles'>,
  ): Promise<boolean> {
    const probe: ContainerSpec = {
      name: `${spec.name}-limits-${randomBytes(4).toString('hex')}`,
      image: spec.image,
      sandbox: spec.sandbox,
      // Without the instance's own labels, so that it is not mistaken for the instance.
      labels: platformLabelOf(spec),
      user: spec.user,
      entrypoint: ['/no-such-program'],
      env: {},
      memoryBytes: 32 * 1024 * 1024,
      cpus: 1,
      networks: [],
    };
    const what = 'try its limit of open files';
    const id = await postContainer(this.#connection, probe, { ...abilities, openFiles });
    try {
      await this.#connection.request({ method: 'POST', path: `/containers/${id}/start`, what, deadlineMs: 60_000 });
      return true;
    } catch (error) {
      return !refusedOpenFiles(error);
    } finally {
      await removeContainer(this.#connection, id, what);
    }
  }
}

export function refusedOpenFiles(error: unknown): boolean {
  return /rlimit/i.test(engineMessage(error));
}

function platformLabelOf(spec: ContainerSpec): Labels {
  const platform = spec.labels[labelNames.platform];
  return { [labelNames.role]: 'probe', ...(platform === undefined ? {} : { [labelNames.platform]: platform }) };
}
