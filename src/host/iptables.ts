import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';

/* Only this file starts iptables, in the host's network namespace or in a container's. */

export type Iptables = 'iptables' | 'ip6tables';

const programDeadlineMs = 20_000;
/** A host that bans single addresses may have tens of thousands of rules. */
const maxBuffer = 64 * 1024 * 1024;
/** Other programs hold the lock while they change rules. In seconds. */
const wait = ['--wait', '10'];

/** Replaces the chains that `input` declares, and no others, in one step. */
export async function restoreChains(program: Iptables, input: string): Promise<void> {
  await run(`${program}-restore`, ['--noflush', ...wait], input);
}

/** Replaces the tables of `input` in the network namespace that a file of this process, opened from /proc, stands for. */
export async function restoreInside(namespace: number, input: string): Promise<void> {
  const program = ['iptables-restore', ...wait];
  // The file is number 3 of the child.
  const child = spawn('nsenter', ['--net=/proc/self/fd/3', '--', ...program], {
    stdio: ['pipe', 'ignore', 'pipe', namespace],
    timeout: programDeadlineMs,
  });
  child.stdin?.on('error', () => {});
  child.stdin?.end(input);
  const [stderr, [code]] = await Promise.all([text(child.stderr as NodeJS.ReadableStream), once(child, 'close')]);
  if (code !== 0) throw Object.assign(new Error(`iptables-restore ended with ${code}`), { stderr });
}

/** The output of the program with these arguments. */
export function iptables(program: Iptables, args: readonly string[]): Promise<string> {
  return run(program, [...wait, ...args]);
}

export async function succeeds(program: Iptables, args: readonly string[]): Promise<boolean> {
  try {
    await iptables(program, args);
    return true;
  } catch {
    return false;
  }
}

/** The cause of a failure of the functions above, in one line. */
export function iptablesError(error: unknown): string {
  const { code, stderr = '' } = error as { readonly code?: unknown; readonly stderr?: string };
  if (code === 'ENOENT') return 'iptables is not installed';
  return stderr.trim().split('\n')[0] || String(error);
}

function run(program: string, args: readonly string[], input = ''): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = execFile(program, args, { timeout: programDeadlineMs, maxBuffer }, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else reject(Object.assign(error, { stderr }));
    });
    // The program may end before it has read its input. Then its exit code is the reason, not the broken pipe.
    child.stdin?.on('error', () => {});
    child.stdin?.end(input);
  });
}
