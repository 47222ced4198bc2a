import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { promisify } from 'node:util';
import { Uplink } from './uplink.ts';

const run = promisify(execFile);

/** Writes a word to each client that connects on port 5000. */
export function listener(word: string): string {
  return `use Socket; socket(S, PF_INET, SOCK_STREAM, 0) or die; setsockopt(S, SOL_SOCKET, SO_REUSEADDR, 1);
    bind(S, sockaddr_in(5000, INADDR_ANY)) or die $!; listen(S, 9); $| = 1; print "listening\\n";
    while (accept(C, S)) { syswrite C, "${word}\\n"; close C }`;
}

/** Another host, which writes `far` to each client on port 5000. It also has the address of a cloud's metadata service. */
export class FarHost implements AsyncDisposable {
  readonly address: string;
  /** This host's address on the link to it. */
  readonly gateway: string;
  readonly metadata: string;
  /** A process in its network namespace. */
  readonly pid: number;
  readonly #parts: AsyncDisposable;

  private constructor(
    uplink: Uplink,
    { metadata, pid, parts }: { readonly metadata: string; readonly pid: number; readonly parts: AsyncDisposable },
  ) {
    this.#parts = parts;
    this.metadata = metadata;
    this.pid = pid;
    this.address = uplink.address;
    this.gateway = uplink.address.replace(/\.2$/, '.1');
  }

  static async create(): Promise<FarHost> {
    const child = spawn('unshare', ['--net', '--', 'perl', '-e', listener('far')], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await using failed = new AsyncDisposableStack();
    failed.defer(() => ended(child));
    await once(child.stdout, 'data');
    const pid = child.pid ?? 0;
    const uplink = failed.use(await Uplink.create(pid));
    const inside = ['--target', String(pid), '--net', '--', 'ip'];
    await run('nsenter', [...inside, 'link', 'set', 'lo', 'up']);
    // Each run uses another one, because the host has one route to each.
    const metadata = `169.254.${randomInt(1, 255)}.${randomInt(1, 255)}`;
    await run('nsenter', [...inside, 'address', 'add', `${metadata}/32`, 'dev', 'lo']);
    await run('ip', ['route', 'add', `${metadata}/32`, 'via', uplink.address]);
    return new FarHost(uplink, { metadata, pid, parts: failed.move() });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#parts[Symbol.asyncDispose]();
  }
}

async function ended(child: ChildProcess): Promise<void> {
  child.kill('SIGKILL');
  await once(child, 'exit');
}
