import type { ProcessType } from '../../domain/build.ts';
import type { Engine, ImageState } from '../../domain/engine.ts';
import { errorCode, PlatformError } from '../../domain/errors.ts';
import { Guard } from '../jail/guard.ts';
import type { JailLimits } from '../jail/limits.ts';
import { LimitedOutput } from '../limited-output.ts';
import { announceProcesses, mergeProcesses } from '../processes.ts';
import type { BuildOrder, BuildStrategy, BuiltImage, Source } from '../strategy.ts';
import { argvOf } from './argv.ts';
import { buildContext } from './context.ts';
import { userOfImage } from './image-user.ts';
import { hasSyntaxLine, rewriteDockerfile } from './rewrite.ts';
import { type DockerfileTrust, dockerfileTrust } from './trust-image.ts';

const maxFileBytes = 256 * 1024;

export interface DockerfileParts {
  readonly engine: Engine;
  readonly platformId: string;
  readonly limits: JailLimits;
}

/** The user's own Dockerfile, by the engine's BuildKit. */
export function dockerfileStrategy(parts: DockerfileParts): BuildStrategy {
  return {
    kind: 'dockerfile',
    async detect(source) {
      if (!source.entries.some(({ path, mode }) => path === 'Dockerfile' && mode.startsWith('100'))) return null;
      return {
        kind: 'dockerfile',
        name: 'Dockerfile',
        announcement: 'Dockerfile found: it says how to build this app',
        ingredients: ['dockerfile'],
        build: (order) => build(parts, source, order),
      };
    },
  };
}

async function build(parts: DockerfileParts, source: Source, order: BuildOrder): Promise<BuiltImage> {
  const { engine, limits, platformId } = parts;
  using guard = new Guard(limits, order.signal);
  using _watch = guard.watch();
  const output = new LimitedOutput(order.output, { maxBytes: limits.outputBytes, heard: () => guard.sawOutput() });
  let imageId: string;
  try {
    imageId = await guard.race(buildImage({ parts, source, order, output, signal: guard.signal }));
  } finally {
    output.end();
  }
  const image = await engine.images.inspect(imageId);
  if (!image) throw new PlatformError('internal', `The engine built ${imageId} and does not have it.`);
  const user = await userOfImage(engine, {
    imageId,
    user: image.config.user,
    platformId,
    buildId: order.buildId,
    limits,
    output: order.output,
    signal: order.signal,
  });
  return {
    name: 'Dockerfile',
    imageId,
    processes: processesOf(source, image, order),
    launcher: null,
    user,
    exposedPort: exposedPort(image, order),
  };
}

interface ImageBuild {
  readonly parts: DockerfileParts;
  readonly source: Source;
  readonly order: BuildOrder;
  readonly output: LimitedOutput;
  readonly signal: AbortSignal;
}

async function buildImage({ parts, source, order, output, signal }: ImageBuild): Promise<string> {
  const [dockerfile, dockerignore, trust] = await Promise.all([
    readText(source, 'Dockerfile'),
    readText(source, '.dockerignore'),
    dockerfileTrust(parts.engine),
  ]);
  const attempt = (dropSyntax: boolean) =>
    runBuild(dockerfile, dockerignore, { trust, dropSyntax, source, order, output, signal, parts });
  if (!hasSyntaxLine(dockerfile)) return await attempt(false);
  try {
    return await attempt(false);
  } catch (error) {
    // The line asks for a front end out of a registry; where there is none, the engine's own does for most files.
    if (!isMissingFrontend(error)) throw error;
    output.warn("No registry gave the front end of the Dockerfile's syntax line: going on with the engine's own.");
    return await attempt(true);
  }
}

async function runBuild(
  dockerfile: string,
  dockerignore: string,
  options: {
    readonly trust: DockerfileTrust;
    readonly dropSyntax: boolean;
    readonly source: Source;
    readonly order: BuildOrder;
    readonly output: LimitedOutput;
    readonly signal: AbortSignal;
    readonly parts: DockerfileParts;
  },
): Promise<string> {
  const { trust, dropSyntax, source, order, output, signal, parts } = options;
  const rewritten = rewriteDockerfile(dockerfile, { trust: trust.mounted, dropSyntax });
  try {
    return await parts.engine.images.buildDockerfile(
      {
        context: buildContext(source.tree, { dockerfile: rewritten.text, dockerignore, signal }),
        dockerfile: 'Dockerfile',
        tag: order.tag,
        labels: order.labels,
        buildArgs: trust.buildArgs,
        memoryBytes: parts.limits.memoryBytes,
        cpuShares: parts.limits.cpuShares,
        output,
      },
      signal,
    );
  } catch (error) {
    throw inAuthorsLines(error, rewritten.originalLine, trust);
  }
}

/** Line numbers of the file that its author has, and nothing of what we added to it. */
function inAuthorsLines(error: unknown, originalLine: (line: number) => number, trust: DockerfileTrust): unknown {
  if (!(error instanceof PlatformError) || error.code !== 'build_failed') return error;
  const mount = trust.mounted ? new RegExp(`--mount=type=bind,from=${escaped(trust.mounted.image)},\\S+ `, 'g') : /$^/;
  const message = error.message
    .replace(mount, '')
    .replace(/\bline (\d+)/gi, (_all, line: string) => `line ${originalLine(Number(line))}`);
  return new PlatformError('build_failed', message, {
    ...(error.hint === undefined ? {} : { hint: error.hint }),
    cause: error.cause,
  });
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}

function isMissingFrontend(error: unknown): boolean {
  if (errorCode(error) !== 'build_failed') return false;
  const cause = error instanceof PlatformError && error.cause instanceof Error ? error.cause.message : '';
  return (
    /frontend gateway\.v0|docker\/dockerfile/.test(cause) &&
    /(no such host|dial tcp|failed to do request|resolve|i\/o timeout|x509)/.test(cause)
  );
}

async function readText({ tree }: Source, path: string): Promise<string> {
  return (await tree.readFile(path, maxFileBytes))?.toString() ?? '';
}

/** Of several ports nobody could say which one serves. */
function exposedPort(image: ImageState, { output }: BuildOrder): number | null {
  const ports = (image.config.exposedPorts ?? [])
    .filter((port) => !port.endsWith('/udp'))
    .map((port) => Number.parseInt(port, 10));
  if (ports.length > 1) {
    output.warn(`The image exposes ${ports.join(', ')}: PORT is not taken from them. Expose the one that serves.`);
  }
  const [port] = ports;
  return ports.length === 1 && port !== undefined ? port : null;
}

/** A Procfile's types if there is one; else the image's own command, as web. The image's entrypoint stays in front. */
function processesOf(source: Source, image: ImageState, order: BuildOrder): readonly ProcessType[] {
  const entrypoint = image.config.entrypoint ?? [];
  if (source.procfile) {
    const merged = mergeProcesses(source.procfile, []);
    announceProcesses(merged, 'Dockerfile', order.output);
    return [...source.procfile].map(([type, command]) => ({
      type,
      command,
      args: [...entrypoint, ...argvOf(command)],
    }));
  }
  const own = [...entrypoint, ...(image.config.cmd ?? [])];
  if (own.length === 0) {
    order.output.warn('The image has no CMD and the source no Procfile: nothing says what to run.');
    return [];
  }
  order.output.step('Discovering process types');
  order.output.detail('Dockerfile declares types -> web');
  return [{ type: 'web', command: own.join(' '), args: null }];
}
