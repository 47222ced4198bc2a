import { mkdir, open, readFile, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { RouteTable } from '../domain/route.ts';
import { parseRouteTable } from './protocol.ts';

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
        await writeDurably(this.#path, JSON.stringify(table));
      } catch (error) {
        this.#failed(error);
      }
      if (this.#next) await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
  }
}

/** A reader sees the old file or the new one, also after a power cut: temp, fsync, rename, fsync of the folder. */
async function writeDurably(path: string, text: string): Promise<void> {
  const folder = dirname(path);
  const temporary = `${path}.${process.pid}.tmp`;
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const file = await open(temporary, 'w', 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(temporary, path);
  const directory = await open(folder, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
