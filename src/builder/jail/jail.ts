import { readFileSync } from 'node:fs';
import { pipeline, Readable } from 'node:stream';
import { createZstdDecompress } from 'node:zlib';
import type { Engine } from '../../domain/engine.ts';
import { PlatformError } from '../../domain/errors.ts';
import { nameOf } from '../../domain/file-name.ts';
import type { ContainerDisk, HostHands } from '../../domain/host-hands.ts';
import { labelNames } from '../../domain/labels.ts';
import { stackUser } from '../stack/recipe.ts';
import { Answers } from './answers.ts';
import { startScale } from './disk-scale.ts';
import { frames, type Tree, treeWords, wordFrames } from './frames.ts';
import { Guard } from './guard.ts';
import type { JailLimits } from './limits.ts';
import { MarkedOutput } from './marked-output.ts';
import { readSmallTar, type SmallFile } from './small-tar.ts';

const agent = readFileSync(new URL('agent.sh', import.meta.url), 'utf8');

export interface JailSpec {
  readonly name: string;
  readonly platformId: string;
  /** Null when the jail works for all apps and not for one. */
  readonly appId: string | null;
  readonly buildId: string;
  /** A stack. */
  readonly image: string;
  /** `uid:gid`. The default is the stack's own user, for work without any app's code. */
  readonly user?: string;
  /** A network with access to the package registries and no other container in it; null for no network. */
  readonly networkId: string | null;
  readonly volumes: readonly { readonly name: string; readonly path: string; readonly readOnly?: boolean }[];
  readonly limits: JailLimits;
}

/** What a jail is made with. */
export interface JailDeps {
  readonly engine: Engine;
  /** On the engine's host. */
  readonly hands: JailHands;
}

export type JailHands = Pick<HostHands, 'whyNotCounted' | 'containerDisk' | 'disks'>;

interface CommandOutput {
  write(chunk: Buffer): void;
  /** A command has ended, and so has its last line. Called again when the jail closes. */
  end(): void;
}

export interface Command {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  /** A file in the jail for the output, which is then not passed on. */
  readonly outputFile?: string;
}

export interface CommandResult {
  readonly status: number;
  /** The kernel killed processes of this command because memory ran out. */
  readonly outOfMemory: boolean;
}

export interface ListedEntry {
  /** find's letter: f, d, l … */
  readonly type: string;
  readonly sizeBytes: number;
  readonly path: string;
}

/**
 * The place for untrusted code: one container with the sandbox `build`, and in it our agent, which carries out this
 * object's calls. Every failure is a PlatformError: `build_failed` when the build did something wrong, `timeout` when it
 * took too long or printed nothing for too long, `cancelled` when `signal` aborts. Always dispose of it; that removes the
 * container.
 */
export class Jail implements AsyncDisposable {
  readonly #engine: Engine;
  readonly #id: string;
  /** The host cannot count what the build has on disk, so the agent does. */
  readonly #agentCounts: boolean;
  readonly #scale: Disposable;
  readonly #guard: Guard;
  readonly #answers: Answers;
  readonly #stdin: NodeJS.WritableStream;
  readonly #commandOutput: CommandOutput;
  readonly #output: MarkedOutput;
  readonly #outputEnded: Promise<void>;

  /** `output` receives the output of the commands. */
  static async open(
    { engine, hands }: JailDeps,
    spec: JailSpec,
    { output, signal }: { readonly output: CommandOutput; readonly signal: AbortSignal },
  ): Promise<Jail> {
    signal.throwIfAborted();
    const { limits } = spec;
    const id = await engine.containers.create({
      name: spec.name,
      image: spec.image,
      sandbox: 'build',
      labels: {
        [labelNames.platform]: spec.platformId,
        ...(spec.appId !== null && { [labelNames.app]: spec.appId }),
        [labelNames.role]: 'build',
        [labelNames.build]: spec.buildId,
      },
      user: spec.user ?? stackUser,
      entrypoint: ['bash', '-c', agent],
      command: [],
      env: {},
      workingDir: '/',
      hostname: 'build',
      memoryBytes: limits.memoryBytes,
      cpus: limits.cpus,
      cpuShares: limits.cpuShares,
      pids: limits.pids,
      networks: spec.networkId === null ? [] : [{ id: spec.networkId, aliases: [], when: 'start' }],
      volumes: spec.volumes,
      tmpBytes: 0,
      openStdin: true,
    });
    const guard = new Guard(limits, signal);
    try {
      const streams = await engine.containers.attach(id, guard.signal);
      await engine.containers.start(id);
      const agentCounts = (await hands.whyNotCounted()) !== null;
      const count = agentCounts ? countOfEngine(engine, spec) : (until: AbortSignal) => hands.containerDisk(id, until);
      const scale = startScale({ guard, limits, hands, count });
      return new Jail(engine, { id, guard, streams, output, agentCounts, scale });
    } catch (error) {
      guard[Symbol.dispose]();
      await engine.containers.remove(id);
      throw error;
    }
  }

  private constructor(
    engine: Engine,
    deps: {
      readonly id: string;
      readonly guard: Guard;
      readonly streams: Awaited<ReturnType<Engine['containers']['attach']>>;
      readonly output: CommandOutput;
      readonly agentCounts: boolean;
      readonly scale: Disposable;
    },
  ) {
    this.#engine = engine;
    this.#id = deps.id;
    this.#agentCounts = deps.agentCounts;
    this.#scale = deps.scale;
    this.#guard = deps.guard;
    this.#stdin = deps.streams.stdin;
    this.#answers = new Answers(deps.streams.stdout);
    this.#commandOutput = deps.output;
    this.#output = new MarkedOutput((chunk) => deps.output.write(chunk));
    this.#outputEnded = this.#listen(deps.streams.stderr);
    // Ends a build at once when it exceeds a limit, and not only at the next request to the agent.
    this.#guard.signal.addEventListener('abort', () => void this.#kill(), { once: true });
  }

  /** Unpacks a tar into a folder of the jail. */
  async put(directory: string, tar: AsyncIterable<Uint8Array>): Promise<void> {
    const answer = await this.#ask(`put ${directory}`, tar);
    if (answer !== 'ok') {
      throw new PlatformError('build_failed', 'The source could not be unpacked for the build.', {
        hint: 'Its messages are above. A path may be too long, or two paths may differ in their spelling only.',
      });
    }
  }

  /** Runs one program to its end, and kills the processes that it left. All of its output has been passed on when this resolves. */
  async run(command: Command): Promise<CommandResult> {
    const environment = Object.entries(command.env).map(([name, value]) => `${name}=${value}`);
    const mark = this.#output.expect();
    const { cwd, outputFile = '', argv } = command;
    const counts = this.#agentCounts ? 'counts' : '';
    const words = [mark.text, counts, cwd, outputFile, String(environment.length), ...environment, ...argv];
    using _watch = this.#guard.watch();
    const answer = await this.#ask('run', wordFrames(words));
    await this.#guard.race(mark.reached);
    this.#commandOutput.end();
    const [, status, kills] = /^exit (\d+) (-?\d+)$/.exec(answer) ?? this.#garbled(answer);
    return { status: Number(status), outOfMemory: Number(kills) > 0 };
  }

  /** The entries at and below the paths, `depth` folders deep. Missing paths are left out. */
  async list(paths: readonly string[], depth: number): Promise<readonly ListedEntry[]> {
    const data = await this.#data('list', [String(depth), ...paths]);
    return nameOf(data)
      .split('\0')
      .filter((record) => record !== '')
      .map((record) => {
        const [, type = '', size, path = ''] = /^(\S) (\d+) (.*)$/s.exec(record) ?? this.#garbled(record);
        return { type, sizeBytes: Number(size), path };
      });
  }

  /** The contents of small files, by path. Missing paths are left out. */
  async read(paths: readonly string[]): Promise<ReadonlyMap<string, SmallFile>> {
    if (paths.length === 0) return new Map();
    return await readSmallTar(await this.#data('read', paths));
  }

  /** One fingerprint per tree. Equal ones mean equal names, types, modes, sizes, times and link targets; contents are not read. */
  async fingerprints(trees: readonly Tree[]): Promise<readonly string[]> {
    if (trees.length === 0) return [];
    const fingerprints = (await this.#data('fingerprints', treeWords(trees))).toString().trim().split('\n');
    return fingerprints.length === trees.length ? fingerprints : this.#garbled(`${fingerprints.length} fingerprints`);
  }

  /** All trees in one tar, in their order. The agent ends after it, so no other call may follow. */
  async *archive(trees: readonly Tree[]): AsyncGenerator<Buffer> {
    await this.#send('archive', wordFrames(treeWords(trees)));
    const tar = createZstdDecompress();
    // The reader of the tar receives the error.
    pipeline(Readable.from(this.#rest()), tar, () => undefined);
    try {
      for await (const chunk of tar) yield chunk as Buffer;
    } catch (error) {
      this.#guard.signal.throwIfAborted();
      throw error;
    }
    const { exitCode } = await this.#engine.containers.wait(this.#id, this.#guard.signal);
    if (exitCode !== 0) {
      throw new PlatformError('build_failed', 'What the build made could not be packed. Its messages are above.');
    }
  }

  /** All remaining bytes of standard output. */
  async *#rest(): AsyncGenerator<Buffer> {
    const bytes = this.#answers.bytes();
    for (;;) {
      const next = await this.#guard.race(bytes.next());
      if (next.done) return;
      yield next.value;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#scale[Symbol.dispose]();
    this.#guard[Symbol.dispose]();
    // Unread answers would block the output stream, whose end is awaited below.
    const drained = this.#answers.drain();
    await this.#engine.containers.remove(this.#id);
    await Promise.all([drained, this.#outputEnded]);
  }

  async #data(verb: string, words: readonly string[]): Promise<Buffer> {
    const answer = await this.#ask(verb, wordFrames(words));
    if (!answer.startsWith('data ')) return this.#garbled(answer);
    return Buffer.from(answer.slice('data '.length), 'base64');
  }

  async #ask(request: string, data: AsyncIterable<Uint8Array>): Promise<string> {
    await this.#send(request, data);
    for (;;) {
      const line = await this.#guard.race(this.#answers.line());
      if (line === null) throw await this.#guard.reasonOr(this.#gone());
      const alive = /^alive(?: (\d+) (\d+))?$/.exec(line);
      if (!alive) return line;
      this.#guard.sawAgent();
      const [, megabytes = 0, files = 0] = alive.map(Number);
      if (this.#agentCounts) this.#guard.sawDisk({ bytes: megabytes * 1024 ** 2, files });
    }
  }

  async #send(request: string, data: AsyncIterable<Uint8Array>): Promise<void> {
    await this.#write(`${request}\n`);
    for await (const frame of frames(data)) {
      await this.#write(`${frame.length}\n`);
      await this.#write(frame);
    }
    await this.#write('0\n');
  }

  #write(data: string | Uint8Array): Promise<void> {
    return this.#guard.race(new Promise((resolve) => this.#stdin.write(data, () => resolve())));
  }

  async #listen(stderr: AsyncIterable<Buffer>): Promise<void> {
    try {
      for await (const chunk of stderr) {
        this.#guard.sawOutput();
        this.#output.write(chunk);
      }
    } finally {
      this.#output.end();
      this.#commandOutput.end();
    }
  }

  async #kill(): Promise<void> {
    // Disposal removes the container in any case; killing it now saves time.
    await this.#engine.containers.kill(this.#id, 'SIGKILL').catch(() => undefined);
  }

  async #gone(): Promise<PlatformError> {
    const state = await this.#engine.containers.inspect(this.#id);
    return state?.oomKilled
      ? this.#guard.outOfMemory()
      : new PlatformError(
          'build_failed',
          'The build killed all processes of its container, also the one that watches it.',
        );
  }

  #garbled(answer: string): never {
    throw new PlatformError('build_failed', 'The build disturbed the program that watches it.', {
      cause: new Error(`unexpected answer: ${answer.slice(0, 200)}`),
    });
  }
}

/** The engine counts the container's own disk, and neither its volumes nor its files. */
function countOfEngine(
  engine: Engine,
  { platformId, buildId }: JailSpec,
): (signal: AbortSignal) => Promise<ContainerDisk> {
  const labels = { [labelNames.platform]: platformId, [labelNames.role]: 'build', [labelNames.build]: buildId };
  return async (signal) => {
    const usage = await engine.containers.diskUsage(labels, signal);
    return { bytes: Math.max(0, ...usage.values()), files: 0 };
  };
}
