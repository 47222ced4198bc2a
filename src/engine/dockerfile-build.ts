import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { PlatformError } from '../domain/errors.ts';
import type { DockerfileBuild } from '../domain/images.ts';
import { BuildProgress, type FailedStep } from './build-progress.ts';
import { decodeTrace } from './buildkit-trace.ts';
import type { Connection } from './connection.ts';
import { toPlatformError } from './docker-errors.ts';
import { jsonLines } from './streams.ts';

/** The engine answers after the whole context has arrived, which may be hundreds of megabytes. */
const contextDeadlineMs = 10 * 60_000;

interface BuildLine {
  readonly id?: string;
  readonly aux?: unknown;
  readonly errorDetail?: { readonly message?: string };
}

/**
 * Builds with the engine's own BuildKit and returns the image's id. Aborting the signal ends the step that runs.
 *
 * Limits: BuildKit behind this API ignores memory, CPU weight and cgroup parent (measured on 20.10 and 28.5: a RUN step
 * sees the host's memory and is in the engine's cgroup "buildkit"). They are sent anyway, for engines that will respect
 * them. A RUN step is root in its own container, with the engine's default capabilities and seccomp profile, on the default
 * bridge, without the engine's socket. Its bounds are the caller's signal (time) and, where possible,
 * `HostHands.brakeSteps` (memory, processes and CPU weight of the steps).
 */
export async function buildDockerfile(
  connection: Connection,
  build: DockerfileBuild,
  signal: AbortSignal,
): Promise<string | null> {
  const what = `build ${build.dockerfile}`;
  const buildId = randomUUID();
  const progress = new BuildProgress(build.output);
  let answer: IncomingMessage | null = null;
  try {
    answer = await connection.stream({
      method: 'POST',
      path: '/build',
      query: {
        version: '2',
        buildid: buildId,
        t: build.tag,
        dockerfile: build.dockerfile,
        target: build.target,
        labels: build.labels,
        nocache: build.reusesSteps === false,
        buildargs: build.buildArgs,
        memory: build.memoryBytes,
        memswap: build.memoryBytes,
        cpushares: build.cpuShares,
        forcerm: true,
      },
      tar: build.context,
      what,
      deadlineMs: contextDeadlineMs,
      signal,
    });
    return await readBuild(answer, progress);
  } catch (error) {
    if (signal.aborted || progress.fetched !== null) await cancelBuild(connection, buildId);
    throw toPlatformError(error, { what, signal });
  } finally {
    answer?.destroy();
    build.context.destroy();
  }
}

/** The image's id. Null if the engine did not report it. */
async function readBuild(answer: IncomingMessage, progress: BuildProgress): Promise<string | null> {
  let imageId: string | null = null;
  for await (const value of jsonLines(answer)) {
    const line = value as BuildLine;
    if (line.id === 'moby.buildkit.trace' && typeof line.aux === 'string') {
      progress.add(decodeTrace(Buffer.from(line.aux, 'base64')));
      if (progress.fetched !== null) throw fetchedByTheEngine(progress.fetched);
    } else if (line.id === 'moby.image.id') {
      imageId = (line.aux as { readonly ID?: string } | null)?.ID ?? null;
    } else if (line.errorDetail !== undefined) {
      progress.finish();
      throw buildError(line.errorDetail.message ?? 'unknown error', progress.failed);
    }
  }
  progress.finish();
  return imageId;
}

/**
 * The engine fetches addresses from the host's network and follows redirects there, so that an address could reach the
 * host's ports and a cloud's metadata. The build ends before a step can read the fetched data.
 */
function fetchedByTheEngine(address: string): PlatformError {
  return new PlatformError(
    'build_failed',
    `The Dockerfile adds ${address.slice(0, 200)}: addresses are not fetched by ADD here, because the engine would fetch them in the host's network.`,
    { hint: 'Fetch it in a step, for example: RUN curl -fsSLo FILE URL' },
  );
}

function buildError(message: string, failed: FailedStep | null): PlatformError {
  const cause = new Error(message);
  if (/no space left on device/i.test(message)) {
    return new PlatformError('no_capacity', 'The engine’s disk filled up during the build.', {
      hint: 'Free space on the disk that holds the engine’s data, then push again.',
      cause,
    });
  }
  if (failed === null || failed.name.startsWith('[internal]')) {
    return new PlatformError('build_failed', `The Dockerfile cannot be built: ${plain(message)}`, {
      ...hintFor(message),
      cause,
    });
  }
  const exitCode = /exit code: (\d+)/.exec(failed.error)?.[1];
  const reason = exitCode === undefined ? `failed: ${plain(failed.error)}` : `failed with exit code ${exitCode}`;
  const tail = failed.lastLines.length === 0 ? '.' : `. It wrote last:\n${failed.lastLines.join('\n')}`;
  return new PlatformError('build_failed', `${failed.name} ${reason}${tail}`, { cause });
}

function hintFor(message: string): { readonly hint?: string } {
  if (/(pull access denied|not found|no such host|dial tcp|failed to resolve|TLS|x509)/i.test(message)) {
    return { hint: 'Check the image name in FROM, and that the engine reaches its registry.' };
  }
  return {};
}

/** The message without the prefixes that each layer of BuildKit adds. */
function plain(message: string): string {
  return message
    .replace(/failed to solve( with frontend [\w.-]+)?: /g, '')
    .replace(/rpc error: code = \w+ desc = /g, '')
    .replace(/failed to (create LLB definition|read dockerfile): /g, '')
    .replace(/not found: not found$/, 'not found')
    .trim();
}

/** Closing the connection is enough for most engines. An engine between two steps needs this call. */
async function cancelBuild(connection: Connection, buildId: string): Promise<void> {
  try {
    await connection.request({
      method: 'POST',
      path: '/build/cancel',
      query: { id: buildId },
      what: 'cancel the build',
      deadlineMs: 5_000,
    });
  } catch {
    // The build has ended meanwhile, or the engine is gone.
  }
}
