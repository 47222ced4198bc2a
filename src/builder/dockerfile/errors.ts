import { PlatformError } from '../../domain/errors.ts';

const maxErrorLength = 2_000;
const unreachable =
  /no such host|dial tcp|failed to do request|i\/o timeout|x509|pull access denied|failed to resolve/i;

const lacksRights = /permission denied|operation not permitted|are you root/i;
const onOurStack = /^[ \t]*FROM[ \t]+(?:--\S+[ \t]+)*paas\/(?:run|build)\b/im;

export interface FailedBuild {
  /** The author's text, before the rewrite. */
  readonly dockerfile: string;
  /** A line of the build's output as the author's Dockerfile has it; null for a step that is not in it. */
  readonly shownLine: (line: string) => string | null;
  readonly originalLine: (line: number) => number;
}

/** A failed build's error with the line numbers and words of the author's own Dockerfile. Other errors are returned unchanged. */
export function explained(error: unknown, { dockerfile, shownLine, originalLine }: FailedBuild): unknown {
  if (!(error instanceof PlatformError) || error.code !== 'build_failed') return error;
  // The message may hold a step's whole command; the words that we look for come before it.
  const text = (error.cause instanceof Error ? error.cause.message : error.message).slice(0, maxErrorLength);
  const image = unreachable.test(text) ? baseImageIn(text) : null;
  if (image) {
    return new PlatformError('build_failed', `The base image ${image} is not in the engine, and no registry gave it.`, {
      hint: 'Check its name in FROM. Without a registry, build on the stack: FROM paas/run, or FROM paas/build for compilers.',
      cause: error.cause,
    });
  }
  const [first = '', lastLines = ''] = error.message.split('. It wrote last:');
  // The pusher has read these last lines already.
  const message = first === error.message ? first : `${first}.`;
  return new PlatformError(
    'build_failed',
    (shownLine(message) ?? message).replace(
      /\bline (\d+)/gi,
      (_all, line: string) => `line ${originalLine(Number(line))}`,
    ),
    { ...hintOf(error.hint ?? rightsHint(lastLines, dockerfile)), cause: error.cause },
  );
}

function hintOf(hint: string | null): { readonly hint?: string } {
  return hint === null ? {} : { hint };
}

/** A hint for steps that need root: the stacks' own user is not root, unlike the user of most base images. */
function rightsHint(lastLines: string, dockerfile: string): string | null {
  if (!lacksRights.test(lastLines) || !onOurStack.test(dockerfile)) return null;
  return 'Steps on paas/run and paas/build run as the user app. Write USER root before the steps that need it; the app itself never runs as root.';
}

export function isMissingFrontend(error: unknown): boolean {
  if (!(error instanceof PlatformError) || error.code !== 'build_failed' || !(error.cause instanceof Error))
    return false;
  return /docker\/dockerfile|gateway\.v0/.test(error.cause.message) && unreachable.test(error.cause.message);
}

/** The base image's name, read from the registry address in the error or from the engine's name for the image. */
function baseImageIn(text: string): string | null {
  const asked = /\/\/([^/"]+)\/v2\/([^"\s]+)\/manifests\/([^"\s]+)/.exec(text);
  if (asked?.[2] && asked[3]) {
    const host = asked[1]?.endsWith('docker.io') ? '' : `${asked[1]}/`;
    return `${host}${asked[2].replace(/^library\//, '')}:${asked[3]}`;
  }
  const named = /(?:docker\.io\/(?:library\/)?)([\w./-]+:[\w.-]+)/.exec(text);
  return named?.[1] ?? null;
}
