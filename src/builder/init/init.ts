import { createHash, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pack } from 'tar-stream';
import type { Stack } from '../../domain/builder.ts';
import type { Engine } from '../../domain/engine.ts';
import { PlatformError } from '../../domain/errors.ts';
import { labelNames } from '../../domain/labels.ts';
import { writeWhole } from '../../system/durable-file.ts';
import { readIfThere } from '../files.ts';
import { Jail, type JailHands } from '../jail/jail.ts';
import type { JailLimits } from '../jail/limits.ts';

/** Its path in every image that we make. */
export const initPath = '/.paas/init';
/** Paths in the image of `InitProgram.image`: the init, and the program that gives a user of an image another number (own.c). */
export const initSourcePath = '/init';
export const ownSourcePath = '/own';

const folder = '/workspace';
const compileMs = 60_000;
const strict = ['gcc', '-Os', '-std=c11', '-Wall', '-Wextra', '-Werror', '-static', '-s'];

interface Program {
  readonly name: 'init' | 'own';
  readonly source: Buffer;
  readonly compiler: readonly string[];
}

function programOf(name: Program['name'], flags: readonly string[]): Program {
  const source = readFileSync(new URL(`${name}.c`, import.meta.url));
  return { name, source, compiler: [...strict, ...flags, '-o', name, `${name}.c`] };
}

const programs: Readonly<Record<Program['name'], Program>> = {
  init: programOf('init', [
    ...['-nostdlib', '-ffreestanding', '-fno-pie', '-no-pie', '-fno-stack-protector'],
    ...['-fno-asynchronous-unwind-tables', '-fno-tree-loop-distribute-patterns'],
    '-Wl,--build-id=none,-z,noseparate-code,-z,noexecstack',
  ]),
  own: programOf('own', []),
};

/** Part of every build key: with other programs, the same source makes another image. */
export const initDigest = digestOf(...Object.values(programs));

function digestOf(...of: readonly Program[]): string {
  const parts = of.map(({ source, compiler }) => [source.toString(), compiler]);
  return `sha256:${createHash('sha256').update(JSON.stringify(parts)).digest('hex')}`;
}

/** The image that a Dockerfile's build copies it from. Equal sources have equal tags, and all platforms of an engine share it. */
export const initTag = `paas/init:${initDigest.slice(7, 19)}`;

export interface InitDeps {
  readonly engine: Engine;
  readonly hands: JailHands;
  readonly platformId: string;
  readonly limits: JailLimits;
  /** The folder for the compiled program. */
  readonly cacheDir: string;
}

/**
 * The first program of every instance (init.c), and what goes with it. They are compiled on the build stack, once, and kept in
 * files. They need nothing of the image that they run in. The init has 2 KB.
 */
export class InitProgram {
  readonly #deps: InitDeps;
  readonly #compiled = new Map<Program['name'], Promise<Buffer>>();

  constructor(deps: InitDeps) {
    this.#deps = deps;
  }

  /** The init's bytes. */
  async bytes(stack: Stack): Promise<Buffer> {
    return await this.#program('init', stack);
  }

  /** Makes sure that the engine has the image `initTag`. */
  async image(stack: Stack): Promise<void> {
    const { engine } = this.#deps;
    if (await engine.images.inspect(initTag)) return;
    const tar = pack();
    for (const name of ['init', 'own'] as const) {
      tar.entry({ name, mode: 0o755, mtime: new Date(0) }, await this.#program(name, stack));
    }
    tar.finalize();
    const labels = { [labelNames.role]: 'stack' };
    await engine.images.importRootfs(Readable.from(tar, { objectMode: false }), initTag, { labels });
  }

  async #program(name: Program['name'], stack: Stack): Promise<Buffer> {
    const compiled = this.#compiled.get(name) ?? this.#make(programs[name], stack);
    this.#compiled.set(name, compiled);
    try {
      return await compiled;
    } catch (error) {
      this.#compiled.delete(name);
      throw error;
    }
  }

  async #make(program: Program, stack: Stack): Promise<Buffer> {
    const { engine, cacheDir } = this.#deps;
    const { architecture } = await engine.info();
    const path = join(cacheDir, `${program.name}-${architecture}-${digestOf(program).slice(7, 23)}`);
    const kept = await readIfThere(path);
    if (kept) return kept;
    const bytes = await this.#compile(program, stack);
    await mkdir(cacheDir, { recursive: true, mode: 0o700 });
    await writeWhole(path, bytes);
    return bytes;
  }

  async #compile({ name, source, compiler }: Program, { buildImageId }: Stack): Promise<Buffer> {
    const { platformId, limits } = this.#deps;
    const said: Buffer[] = [];
    const buildId = `${name}-${randomBytes(4).toString('hex')}`;
    await using jail = await Jail.open(
      this.#deps,
      {
        name: `paas-build-${buildId}`,
        platformId,
        appId: null,
        buildId,
        image: buildImageId,
        networkId: null,
        volumes: [],
        limits,
      },
      {
        output: { write: (chunk) => said.push(chunk), end: () => undefined },
        // Not the pusher's signal, because other builds wait for the same program.
        signal: AbortSignal.timeout(compileMs),
      },
    );
    const tar = pack();
    tar.entry({ name: `${name}.c` }, source);
    tar.finalize();
    await jail.put(folder, tar as AsyncIterable<Uint8Array>);
    const { status } = await jail.run({
      argv: compiler,
      env: { PATH: '/usr/bin:/bin', TMPDIR: '/tmp' },
      cwd: folder,
    });
    const path = `${folder}/${name}`;
    const program = (await jail.read([path])).get(path)?.content;
    if (status === 0 && program) return program;
    const why = Buffer.concat(said).toString().slice(0, 2000).trim();
    throw new PlatformError('internal', `The program ${name} could not be compiled: ${why}`);
  }
}
