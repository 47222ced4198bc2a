import { appendFile, readFile } from 'node:fs/promises';
import { parseRouteChange, parseRouteTable } from '../domain/resolver-protocol.ts';
import type { RouteChange, RouteTable } from '../domain/route.ts';
import { writeWhole } from '../system/durable-file.ts';

/** Takes over the routes of a journal. */
export interface JournalReader {
  replace(table: RouteTable): boolean;
  change(change: RouteChange): boolean;
}

/**
 * Restores the routes that were saved last: one line of JSON with a table, then one for each change. Reads up to the
 * first line that cannot be parsed, as in a file that was cut short. The orchestrator sends what is missing.
 */
export async function readJournal(path: string, reader: JournalReader): Promise<void> {
  const [first = '', ...rest] = (await readFile(path, 'utf8').catch(() => '')).split('\n');
  const table = parseRouteTable(first);
  if (!table) return;
  reader.replace(table);
  for (const line of rest) {
    const change = parseRouteChange(line);
    if (!change || !reader.change(change)) return;
  }
}

export interface RouteJournalDeps {
  readonly path: string;
  /** The routes in use. */
  readonly table: () => RouteTable;
  readonly failed: (error: unknown) => void;
  readonly writeAgainMs?: number;
  /** The file is rewritten when its changes are longer than its table and than this. */
  readonly minRewriteLength?: number;
}

const pauseMs = 100;
/** Routes turned into JSON without a pause: 2 ms of work, after which requests are served. */
const routesPerChunk = 1_000;

/**
 * Saves the routes: the whole table from time to time, in chunks, and each change behind it. Changes that come while
 * the disk is busy, or within `pauseMs`, are written together. They are not forced to the disk: a killed process loses
 * none that was written, and after a power cut the orchestrator sends what is missing.
 */
export class RouteJournal {
  readonly #deps: Required<RouteJournalDeps>;
  #isWhole = false;
  #lines: string[] = [];
  #tableLength = 0;
  #changesLength = 0;
  /** A failure is reported when it begins, and the whole table is written again until the disk takes it. */
  #failing = false;
  #again: NodeJS.Timeout | undefined;
  #writing: Promise<void> | null = null;

  constructor(deps: RouteJournalDeps) {
    this.#deps = { minRewriteLength: 1024 * 1024, writeAgainMs: 5000, ...deps };
  }

  /** To be called after the whole table was replaced. */
  replaced(): void {
    this.#isWhole = false;
    this.#start();
  }

  changed(change: RouteChange): void {
    this.#lines.push(`${JSON.stringify(change)}\n`);
    this.#start();
  }

  /** Resolves when everything handed over is written, or could not be. */
  async flushed(): Promise<void> {
    await this.#writing;
  }

  #start(): void {
    this.#writing ??= this.#write().finally(() => {
      this.#writing = null;
    });
  }

  async #write(): Promise<void> {
    for (;;) {
      try {
        await this.#writeOnce();
      } catch (error) {
        this.#isWhole = false;
        if (!this.#failing) this.#deps.failed(error);
        this.#failing = true;
        this.#again ??= setTimeout(() => {
          this.#again = undefined;
          this.#start();
        }, this.#deps.writeAgainMs).unref();
        return;
      }
      this.#failing = false;
      if (this.#isWhole && this.#lines.length === 0) return;
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
  }

  async #writeOnce(): Promise<void> {
    const isGrown = this.#changesLength > Math.max(this.#tableLength, this.#deps.minRewriteLength);
    if (this.#isWhole && !isGrown) await this.#append();
    else await this.#rewrite();
  }

  async #append(): Promise<void> {
    const text = this.#lines.join('');
    this.#lines = [];
    this.#changesLength += text.length;
    await appendFile(this.#deps.path, text, { mode: 0o600 });
  }

  async #rewrite(): Promise<void> {
    this.#isWhole = true;
    this.#lines = [];
    this.#tableLength = 0;
    this.#changesLength = 0;
    await writeWhole(this.#deps.path, this.#tableInChunks());
  }

  /** The table in use as one line of JSON. */
  async *#tableInChunks(): AsyncGenerator<string> {
    const { version, reserved, routes } = this.#deps.table();
    yield `{"version":${version},"reserved":${JSON.stringify(reserved)},"routes":[`;
    for (let at = 0; at < routes.length; at += routesPerChunk) {
      const chunk = JSON.stringify(routes.slice(at, at + routesPerChunk)).slice(1, -1);
      this.#tableLength += chunk.length;
      yield at === 0 ? chunk : `,${chunk}`;
      await new Promise((resolve) => setImmediate(resolve));
    }
    yield ']}\n';
  }
}
