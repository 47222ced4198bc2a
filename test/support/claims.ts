import { readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { environment } from '../../src/config/environment.ts';
import { writeWholeSync } from '../../src/system/durable-file-sync.ts';
import { removeAllOf } from './leftovers.ts';
import { childrenOf, endPrograms, isAlive, startedAt } from './processes.ts';
import { unmountBelow } from './small-disk.ts';

/** Something that a test made outside its process. The test removes it at its end, unless it is killed. */
export interface Claimed {
  /** A temporary folder. */
  readonly folder?: string;
  /** Everything with this label in the engine. */
  readonly platformId?: string;
  readonly dockerHost?: string;
  /** A launcher, whose home is `folder`/paas. */
  readonly launcherPid?: number;
}

const own = new Map<symbol, Claimed>();
/** Each user's own: what it names is removed. */
export const userClaimsDir = () => join(tmpdir(), `paas-test-claims-${process.getuid?.()}`);
/** Known also to processes whose TMPDIR is another. */
const claimsDir = () => environment().PAAS_TEST_CLAIMS ?? userClaimsDir();
const bootId = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').slice(0, 8);
const ownerOf = (pid: number) => `${bootId}-${pid}-${startedAt(pid)}`;
let swept: Promise<void> | null = null;

/**
 * Records on the disk that this process has made something. If a test process dies before its clean-up, its records stay,
 * and the next process that claims something first removes what they name. Returns a function that ends the claim. Call it
 * again when more is known.
 */
export async function claim(claimed: Claimed): Promise<{ add(more: Claimed): void; release(): void }> {
  swept ??= sweepClaims();
  await swept;
  const key = Symbol();
  const put = (value: Claimed | null) => {
    if (value) own.set(key, value);
    else own.delete(key);
    write();
  };
  put(claimed);
  return { add: (more) => put({ ...own.get(key), ...more }), release: () => put(null) };
}

/** Removes what dead test processes left: killed ones, and those from before the machine's last start. */
export async function sweepClaims(directory = claimsDir()): Promise<void> {
  for (const name of list(directory)) {
    const owner = basename(name, '.json');
    const pid = Number(owner.split('-')[1]);
    if (!name.endsWith('.json') || (isAlive(pid) && ownerOf(pid) === owner)) continue;
    const path = join(directory, name);
    try {
      for (const claimed of JSON.parse(readFileSync(path, 'utf8')) as readonly Claimed[]) await remove(claimed);
      rmSync(path, { force: true });
    } catch (error) {
      // The next process tries again: leftovers of another test must not fail this one.
      process.stderr.write(`What an earlier test left could not be removed: ${(error as Error).message}\n`);
    }
  }
}

async function remove({ folder, platformId, dockerHost, launcherPid }: Claimed): Promise<void> {
  const isOurs = folder !== undefined && dirname(folder).startsWith('/') && basename(folder).startsWith('paas-');
  if (launcherPid !== undefined && isOurs) {
    endLauncher(launcherPid, join(folder, 'paas'));
    endPrograms(join(folder, 'paas'));
  }
  const id = platformId ?? (isOurs ? idIn(join(folder, 'paas/state.db')) : null);
  if (id !== null && dockerHost !== undefined) await removeAllOf(id, dockerHost);
  if (!isOurs) return;
  unmountBelow(folder);
  rmSync(folder, { recursive: true, force: true });
}

/** A platform whose test was killed goes on running. Its home distinguishes it from another process with the same id. */
function endLauncher(pid: number, home: string): void {
  let env: string;
  try {
    env = readFileSync(`/proc/${pid}/environ`, 'utf8');
  } catch {
    return;
  }
  if (!env.split('\0').includes(`PAAS_HOME=${home}`)) return;
  for (const one of [pid, ...childrenOf(pid).map((child) => child.pid)]) if (isAlive(one)) process.kill(one, 'SIGKILL');
}

/** The label of a platform that was never asked for it. */
export function idIn(path: string): string | null {
  try {
    using store = opened(path);
    const row = store.database.prepare("select value from settings where name = 'platform.id'").get();
    return (row?.value as string | undefined) ?? null;
  } catch {
    return null;
  }
}

function opened(path: string) {
  const database = new DatabaseSync(path, { readOnly: true });
  return { database, [Symbol.dispose]: () => database.close() };
}

function write(): void {
  const path = join(claimsDir(), `${ownerOf(process.pid)}.json`);
  if (own.size === 0) {
    rmSync(path, { force: true });
    return;
  }
  writeWholeSync(path, JSON.stringify([...own.values()]), { durable: false });
}

function list(directory: string): readonly string[] {
  try {
    return statSync(directory).uid === process.getuid?.() ? readdirSync(directory) : [];
  } catch {
    return [];
  }
}
