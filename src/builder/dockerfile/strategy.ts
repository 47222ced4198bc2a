import type { ProcessType } from '../../domain/build.ts';
import type { Engine } from '../../domain/engine.ts';
import { PlatformError } from '../../domain/errors.ts';
import { nameBytes, nameOf } from '../../domain/file-name.ts';
import type { HostHands } from '../../domain/host-hands.ts';
import type { ImageState } from '../../domain/images.ts';
import { refuseWideText } from '../../domain/text-file.ts';
import { DiskWatch } from '../full-disk.ts';
import { type InitProgram, initDigest, initPath } from '../init/init.ts';
import { Guard } from '../jail/guard.ts';
import type { JailLimits } from '../jail/limits.ts';
import { LimitedOutput } from '../limited-output.ts';
import { announceProcesses, mergeProcesses, nothingToRun } from '../processes.ts';
import type { BuildStrategy, BuiltImage, ImageRequest, Source } from '../strategy.ts';
import { argvOf } from './argv.ts';
import { buildContext } from './context.ts';
import { contextName, copyFromStage, readsContext, type Staged, withoutStage } from './context-stage.ts';
import { copyInit, lastStageOf } from './copy-init.ts';
import { DockerIgnore } from './dockerignore.ts';
import { explained, isMissingFrontend } from './errors.ts';
import { isTrustedFrontEnd, syntaxLines } from './front-end.ts';
import { ownedByApp } from './image-user.ts';
import { refuseRemoteAdd } from './remote-add.ts';
import { rewriteDockerfile, withoutAdditions } from './rewrite.ts';
import { limitStepDisks, type StepHands, stepMark, withMark } from './step-disk.ts';
import { type DockerfileTrust, dockerfileTrust } from './trust-image.ts';

const maxFileBytes = 256 * 1024;

export type BuildHands = Pick<HostHands, 'brakeSteps' | 'separateSteps'> & StepHands;

export interface DockerfileDeps {
  readonly engine: Engine;
  /** On the engine's host. */
  readonly hands: BuildHands;
  readonly platformId: string;
  readonly limits: JailLimits;
  readonly init: InitProgram;
}

/** Builds the user's own Dockerfile with the engine's BuildKit. */
export function dockerfileStrategy(deps: DockerfileDeps): BuildStrategy {
  return {
    kind: 'dockerfile',
    async detect(source, choice) {
      if (choice?.kind !== 'dockerfile') return null;
      return {
        kind: 'dockerfile',
        name: 'Dockerfile',
        announcement: 'Dockerfile found: it says how to build this app',
        ingredients: ['dockerfile', initDigest],
        build: (request) => build(deps, source, request),
      };
    },
  };
}

async function build(deps: DockerfileDeps, source: Source, request: ImageRequest): Promise<BuiltImage> {
  const { engine, limits } = deps;
  const builtId = await buildWithinLimits({ deps, source, request });
  const image = await engine.images.inspect(builtId);
  if (!image) throw new PlatformError('internal', `The engine built ${builtId} and does not have it.`);
  const { app, tag, labels, output, signal } = request;
  const processes = processesOf(source, image, request);
  const owned = await ownedByApp(engine, { image, app, tag, labels, limits, output, signal });
  output.step('Image made');
  return {
    name: 'Dockerfile',
    ...owned,
    processes,
    launcher: null,
    init: initPath,
    exposedPorts: exposedPorts(image),
  };
}

/** BuildKit runs steps outside of the engine's containers. We limit the time, idleness, output and disk; the host's control groups limit the rest. */
async function buildWithinLimits({
  deps,
  source,
  request,
}: Pick<ImageBuild, 'deps' | 'source' | 'request'>): Promise<string> {
  const [trust, dockerfile] = await Promise.all([
    dockerfileTrust(deps.engine),
    readText(source, 'Dockerfile'),
    deps.init.image(request.stack),
  ]);
  const lastStage = lastStageOf(dockerfile);
  const ignore = await dockerIgnore(source);
  const staged = copyFromStage(dockerfile);
  const onBuild = new AbortController();
  const isStaged = () => staged !== null && !onBuild.signal.aborted;
  const shownLine = (line: string) => {
    const shown = isStaged() ? withoutStage(line) : line;
    return shown === null ? null : withoutAdditions(shown, { trust: trust.mounted, lastStage });
  };
  const edit = (line: string) => {
    if (isStaged() && readsContext(line)) onBuild.abort();
    return shownLine(line);
  };
  using _brake = await deps.hands.brakeSteps();
  using disk = new DiskWatch(deps.hands, deps.limits);
  using guard = new Guard(deps.limits, AbortSignal.any([request.signal, disk.signal]));
  using _watch = guard.watch({ agent: false });
  using _scale = await limitStepDisks(deps.hands, { guard, limits: deps.limits, mark: stepMark(request.buildId) });
  const output = new LimitedOutput(request.output, {
    maxBytes: deps.limits.outputBytes,
    onLine: () => guard.sawOutput(),
    edit,
  });
  try {
    return await guard.race(
      buildImage({
        deps,
        source,
        request,
        dockerfile,
        ignore,
        staged,
        onBuild: onBuild.signal,
        trust,
        shownLine,
        output,
        signal: guard.signal,
      }),
    );
  } finally {
    output.end();
  }
}

interface ImageBuild {
  readonly deps: DockerfileDeps;
  readonly source: Source;
  readonly request: ImageRequest;
  readonly dockerfile: string;
  readonly ignore: DockerIgnore;
  /** Null if the context cannot be copied from a stage. */
  readonly staged: Staged | null;
  /** Aborts when a base image copies from the context by itself. */
  readonly onBuild: AbortSignal;
  readonly trust: DockerfileTrust;
  readonly shownLine: (line: string) => string | null;
  readonly output: LimitedOutput;
  readonly signal: AbortSignal;
}

async function buildImage(build: ImageBuild): Promise<string> {
  const { dockerfile } = build;
  refuseRemoteAdd(dockerfile);
  warnAboutConfig(dockerfile, build.request);
  const syntax = syntaxLines(dockerfile);
  if (syntax.length === 0) return await runBuild(build, { dockerfile, dropSyntax: false });
  const stranger = syntax.find((line) => !isTrustedFrontEnd(line));
  if (stranger) {
    build.output.warn(
      `The front end of the Dockerfile's syntax line, ${stranger.image}, is not Docker's own: going on with the engine's.`,
    );
    return await runBuild(build, { dockerfile, dropSyntax: true });
  }
  try {
    return await runBuild(build, { dockerfile, dropSyntax: false });
  } catch (error) {
    // The line names a front end in a registry. When no registry answers, the engine's own front end reads most files.
    if (!isMissingFrontend(error)) throw error;
    build.output.warn(
      "No registry gave the front end of the Dockerfile's syntax line: going on with the engine's own.",
    );
    return await runBuild(build, { dockerfile, dropSyntax: true });
  }
}

interface BuildText {
  readonly dockerfile: string;
  readonly dropSyntax: boolean;
}

/** The image gets the author's Dockerfile, or none if .dockerignore leaves it out, where that can be done. */
async function runBuild(build: ImageBuild, text: BuildText): Promise<string> {
  const { ignore, staged, onBuild, signal, output } = build;
  if (staged && !onBuild.aborted) {
    try {
      const imageId = await runEngine({ ...build, signal: AbortSignal.any([signal, onBuild]) }, text, staged);
      if (!onBuild.aborted) return imageId;
    } catch (error) {
      if (!onBuild.aborted || signal.aborted) throw error;
    }
  }
  if (ignore.leavesOut('Dockerfile')) {
    output.warn('The Dockerfile is in the context although .dockerignore leaves it out: the engine reads it there.');
  }
  return await runEngine(build, text, null);
}

async function runEngine(
  { deps, source, request, ignore, trust, shownLine, output, signal }: ImageBuild,
  { dockerfile, dropSyntax }: BuildText,
  staged: Staged | null,
): Promise<string> {
  const text = staged?.text ?? dockerfile;
  const rewritten = rewriteDockerfile(text, { trust: trust.mounted, inLastStage: copyInit, dropSyntax });
  const folder = staged ? contextName : null;
  try {
    return await deps.engine.images.buildDockerfile(
      {
        context: buildContext(source.tree, { dockerfile: nameBytes(rewritten.text), folder, ignore, signal }),
        dockerfile: 'Dockerfile',
        tag: request.tag,
        labels: request.labels,
        // Apps must not share a cache mount: one app could then write into another app's builds.
        buildArgs: {
          ...withMark(trust.buildArgs, stepMark(request.buildId)),
          BUILDKIT_CACHE_MOUNT_NS: cacheMounts(request),
        },
        reusesSteps: !request.afterPurge,
        memoryBytes: deps.limits.memoryBytes,
        cpuShares: deps.limits.cpuShares,
        output,
      },
      signal,
    );
  } catch (error) {
    const originalLine = (line: number) => {
      const before = rewritten.originalLine(line);
      return staged?.lineBefore(before) ?? before;
    };
    throw explained(error, { dockerfile, shownLine, originalLine });
  }
}

/** The name space of cache mounts. A purge leaves the mounts before it to BuildKit's own tidying. */
function cacheMounts({ app: { id, cacheGeneration } }: ImageRequest): string {
  return cacheGeneration === 0 ? id : `${id}-${cacheGeneration}`;
}

/** Config vars are not given as build arguments, because an image's history shows those. */
function warnAboutConfig(dockerfile: string, { config, output }: ImageRequest): void {
  const names = [...dockerfile.matchAll(/^\s*ARG\s+([A-Za-z_]\w*)/gim)].flatMap(([, name]) => name ?? []);
  const asked = [...new Set(names)].filter((name) => Object.hasOwn(config, name));
  if (asked.length === 0) return;
  output.warn(`ARG ${asked.join(', ')}: config vars reach the running app, and not the build of a Dockerfile.`);
}

/** As BuildKit has it, a file that is named after the Dockerfile replaces the general one. */
async function dockerIgnore(source: Source): Promise<DockerIgnore> {
  const own = 'Dockerfile.dockerignore';
  const name = (await source.files.find(own)) ? own : '.dockerignore';
  return new DockerIgnore(await readText(source, name), name);
}

/** Its text as `nameOf` makes it, because it names files. */
async function readText({ files }: Source, path: string): Promise<string> {
  const bytes = await files.read(path, maxFileBytes);
  if (bytes) refuseWideText(bytes, path);
  return bytes ? nameOf(bytes) : '';
}

/** The exposed TCP ports, the lowest first: an image does not keep the sequence of its Dockerfile. */
function exposedPorts({ config }: ImageState): readonly number[] {
  const tcp = (config.exposedPorts ?? []).filter((port) => /^\d+(\/tcp)?$/.test(port));
  return [...new Set(tcp.map((port) => Number.parseInt(port, 10)))].sort((a, b) => a - b);
}

/**
 * The Procfile's process types if it has any; otherwise the image's own command, as `web`. The image's entrypoint stays
 * in front of the command. Throws `build_failed` when there is nothing to run.
 */
function processesOf(source: Source, image: ImageState, request: ImageRequest): readonly ProcessType[] {
  const { entrypoint = [], stopSignal } = image.config;
  const signal = stopSignal === undefined ? {} : { stopSignal };
  if (source.procfile && source.procfile.size > 0) {
    const merged = mergeProcesses(source.procfile, []);
    announceProcesses(merged, 'Dockerfile', request.output);
    return [...source.procfile].map(([type, command]) => ({
      type,
      command,
      args: [...entrypoint, ...argvOf(command)],
      ...signal,
    }));
  }
  const own = [...entrypoint, ...(image.config.cmd ?? [])];
  if (own.length === 0) {
    const why = 'the Dockerfile has no CMD, and no Procfile names a process type';
    throw nothingToRun(why, 'Give the Dockerfile a last line such as: CMD ["node", "server.js"]');
  }
  request.output.step('Discovering process types');
  request.output.detail('Dockerfile declares types -> web');
  return [{ type: 'web', command: own.join(' '), args: own, ...signal }];
}
