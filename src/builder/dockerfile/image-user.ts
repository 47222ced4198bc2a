import { Readable } from 'node:stream';
import { pack } from 'tar-stream';
import type { App } from '../../domain/app.ts';
import { appUser } from '../../domain/app-user.ts';
import type { BuildOutput } from '../../domain/build.ts';
import type { Engine } from '../../domain/engine.ts';
import { PlatformError } from '../../domain/errors.ts';
import type { ImageState } from '../../domain/images.ts';
import { initPath, initTag, ownSourcePath } from '../init/init.ts';
import type { JailLimits } from '../jail/limits.ts';

/** Reading, and copying where needed, every file of the largest image that is likely. */
const stepMs = 5 * 60_000;

export interface ImageUse {
  /** As the Dockerfile made it, with our init. */
  readonly image: ImageState;
  readonly app: App;
  /** The image's tag, which the image for the app takes. */
  readonly tag: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly limits: Pick<JailLimits, 'memoryBytes' | 'cpuShares'>;
  readonly output: BuildOutput;
  readonly signal: AbortSignal;
}

export interface OwnedImage {
  readonly imageId: string;
  /** `uid:gid` in numbers. */
  readonly user: string;
}

/**
 * The image in which the app's own user has the place of the image's USER: the USER's files and its name are the app's. A
 * last step does it (own.c), because only the engine can read an image's files. An image that runs as root stays as it is:
 * its files are root's, the app's user cannot write them, and the pusher is warned. The group is the one that an engine gives
 * the USER, so what the image opens to a group is open to it, group 0 included.
 */
export async function ownedByApp(engine: Engine, use: ImageUse): Promise<OwnedImage> {
  const { image, app, output } = use;
  const { user = '', onBuild } = image.config;
  if (/^(root|0*)(:|$)/.test(user)) {
    output.warn("The image runs as root. Here it runs as a user of the app's own, who cannot write what root owns.");
    output.warn('To give it files, end the Dockerfile with lines such as: RUN chown -R 1000 /data, and: USER 1000');
    return { imageId: image.id, user: appUser(app) };
  }
  if (onBuild !== undefined) {
    output.warn(`The image has ONBUILD triggers, so the files of its user ${user} cannot be given to the app's user.`);
    return { imageId: image.id, user: appUser(app) };
  }
  const said = new StepLines();
  const imageId = await runStep(engine, use, { user, said });
  const owner = said.find(/^paas-user (\d+:\d+)$/);
  if (owner === null) throw new PlatformError('internal', `The last step did not say the user of ${imageId}.`);
  // It has lost its tag to the image that is based on it.
  await engine.images.remove(image.id);
  return { imageId, user: owner };
}

async function runStep(
  engine: Engine,
  { app, tag, labels, limits, signal }: ImageUse,
  { user, said }: { readonly user: string; readonly said: StepLines },
): Promise<string> {
  try {
    return await engine.images.buildDockerfile(
      {
        context: contextOf(stepDockerfile(tag, { uid: app.uid, user })),
        dockerfile: 'Dockerfile',
        tag,
        labels,
        buildArgs: {},
        // A step that is not run says nothing.
        reusesSteps: false,
        ...limits,
        output: said,
      },
      AbortSignal.any([signal, AbortSignal.timeout(stepMs)]),
    );
  } catch (error) {
    const reason = said.find(/^(The image has no (?:user|group) .*)$/);
    if (reason === null) throw error;
    throw new PlatformError('build_failed', reason, {
      hint: 'Make it in the Dockerfile before the USER line, or give numbers: USER 1000:1000',
      cause: error,
    });
  }
}

/** Pure. The program is mounted over the init, so that the image keeps no trace of it. */
export function stepDockerfile(tag: string, { uid, user }: { readonly uid: number; readonly user: string }): string {
  const mount = `--mount=type=bind,from=${initTag},source=${ownSourcePath},target=${initPath}`;
  const argv = JSON.stringify([initPath, String(uid), user]);
  return [`FROM ${tag}`, 'USER 0:0', `RUN ${mount} ${argv}`, `USER ${uid}`, ''].join('\n');
}

function contextOf(dockerfile: string): Readable {
  const tar = pack();
  tar.entry({ name: 'Dockerfile' }, dockerfile);
  tar.finalize();
  return Readable.from(tar, { objectMode: false });
}

/** What the step prints. The pusher did not write it, so none of it is shown. */
class StepLines implements BuildOutput {
  readonly #lines: string[] = [];

  step(): void {}

  detail(text: string): void {
    this.#lines.push(...text.split('\n'));
  }

  warn(): void {}

  /** The first group of the first line that matches. */
  find(pattern: RegExp): string | null {
    for (const line of this.#lines) {
      const match = pattern.exec(line);
      if (match?.[1] !== undefined) return match[1];
    }
    return null;
  }
}
