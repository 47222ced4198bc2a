import { readFile } from 'node:fs/promises';
import { parseRouteTable } from '../domain/resolver-protocol.ts';
import type { RouteTable } from '../domain/route.ts';
import { writeWhole } from '../system/durable-file.ts';

/** The table as it was last saved; null when there is none or it cannot be read: then the orchestrator brings one. */
export async function readSnapshot(path: string): Promise<RouteTable | null> {
  try {
    return parseRouteTable(await readFile(path, 'utf8'));
  } catch {
    return null;
  }
}

const pauseMs = 200;

/** Saves tables one after the other. Under many changes only the newest is written, so that the disk sets the pace. */
export class SnapshotWriter {
  readonly #path: string;
  readonly #failed: (error: unknown) => void;
  #next: RouteTable | null = null;
  #writing: Promise<void> | null = null;

  constructor(path: string, failed: (error: unknown) => void) {
    this.#path = path;
    this.#failed = failed;
  }

  save(table: RouteTable): void {
    this.#next = table;
    this.#writing ??= this.#write().finally(() => {
      this.#writing = null;
    });
  }

  /** Resolves when what was handed over is on the disk, or has failed to be. */
  async settled(): Promise<void> {
    await this.#writing;
  }

  async #write(): Promise<void> {
    while (this.#next) {
      const table = this.#next;
      this.#next = null;
      try {
        await writeWhole(this.#path, JSON.stringify(table));
      } catch (error) {
        this.#failed(error);
      }
      if (this.#next) await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
  }
}
