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
/** Its path in the image of `InitProgram.image`. */
export const initSourcePath = '/init';

const source = readFileSync(new URL('init.c', import.meta.url));
const folder = '/workspace';
const compiler = [
  ...['gcc', '-Os', '-std=c11', '-Wall', '-Wextra', '-Werror', '-static', '-nostdlib', '-ffreestanding', '-fno-pie'],
  ...['-no-pie', '-fno-stack-protector', '-fno-asynchronous-unwind-tables', '-fno-tree-loop-distribute-patterns'],
  ...['-Wl,--build-id=none,-z,noseparate-code,-z,noexecstack', '-s', '-o', 'init', 'init.c'],
];
const compileMs = 60_000;

/** Part of every build key: with another init, the same source makes another image. */
export const initDigest = `sha256:${createHash('sha256')
  .update(JSON.stringify([source.toString(), compiler]))
  .digest('hex')}`;

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
 * The first program of every instance (init.c). It is compiled on the build stack, once, and kept in a file: 2 KB that need
 * nothing of the image that they run in.
 */
export class InitProgram {
  readonly #deps: InitDeps;
  #compiled: Promise<Buffer> | null = null;

  constructor(deps: InitDeps) {
    this.#deps = deps;
  }

  /** The program's bytes. */
  async bytes(stack: Stack): Promise<Buffer> {
    this.#compiled ??= this.#make(stack);
    try {
      return await this.#compiled;
    } catch (error) {
      this.#compiled = null;
      throw error;
    }
  }

  /** Makes sure that the engine has the image `initTag`. */
  async image(stack: Stack): Promise<void> {
    const { engine } = this.#deps;
    if (await engine.images.inspect(initTag)) return;
    const tar = pack();
    tar.entry({ name: initSourcePath.slice(1), mode: 0o755, mtime: new Date(0) }, await this.bytes(stack));
    tar.finalize();
    const labels = { [labelNames.role]: 'stack' };
    await engine.images.importRootfs(Readable.from(tar, { objectMode: false }), initTag, { labels });
  }

  async #make(stack: Stack): Promise<Buffer> {
    const { engine, cacheDir } = this.#deps;
    const { architecture } = await engine.info();
    const path = join(cacheDir, `init-${architecture}-${initDigest.slice(7, 23)}`);
    const kept = await readIfThere(path);
    if (kept) return kept;
    const program = await this.#compile(stack);
    await mkdir(cacheDir, { recursive: true, mode: 0o700 });
    await writeWhole(path, program);
    return program;
  }

  async #compile({ buildImageId }: Stack): Promise<Buffer> {
    const { platformId, limits } = this.#deps;
    const said: Buffer[] = [];
    const buildId = `init-${randomBytes(4).toString('hex')}`;
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
    tar.entry({ name: 'init.c' }, source);
    tar.finalize();
    await jail.put(folder, tar as AsyncIterable<Uint8Array>);
    const { status } = await jail.run({
      argv: compiler,
      env: { PATH: '/usr/bin:/bin', TMPDIR: '/tmp' },
      cwd: folder,
    });
    const program = (await jail.read([`${folder}/init`])).get(`${folder}/init`)?.content;
    if (status === 0 && program) return program;
    const why = Buffer.concat(said).toString().slice(0, 2000).trim();
    throw new PlatformError('internal', `The first program of instances could not be compiled: ${why}`);
  }
}
