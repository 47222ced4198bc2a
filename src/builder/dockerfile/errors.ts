import { PlatformError } from '../../domain/errors.ts';
import { withoutTrust } from './rewrite.ts';
import type { DockerfileTrust } from './trust-image.ts';

const maxSaid = 2_000;
const unreachable =
  /no such host|dial tcp|failed to do request|i\/o timeout|x509|pull access denied|failed to resolve/i;

const lacksRights = /permission denied|operation not permitted|are you root/i;
const onOurStack = /^[ \t]*FROM[ \t]+(?:--\S+[ \t]+)*paas\/(?:run|build)\b/im;

export interface FailedBuild {
  /** The author's own. */
  readonly dockerfile: string;
  readonly trust: DockerfileTrust;
  readonly originalLine: (line: number) => number;
}

/** What went wrong, in the lines and words of the Dockerfile that its author has. Other errors come back as they are. */
export function explained(error: unknown, { dockerfile, trust, originalLine }: FailedBuild): unknown {
  if (!(error instanceof PlatformError) || error.code !== 'build_failed') return error;
  // A step's whole command may stand in it, and what is looked for stands in front.
  const said = (error.cause instanceof Error ? error.cause.message : error.message).slice(0, maxSaid);
  const image = unreachable.test(said) ? baseImageIn(said) : null;
  if (image) {
    return new PlatformError('build_failed', `The base image ${image} is not in the engine, and no registry gave it.`, {
      hint: 'Check its name in FROM. Without a registry, build on the stack: FROM paas/run, or FROM paas/build for compilers.',
      cause: error.cause,
    });
  }
  const [first = '', lastLines = ''] = error.message.split('. It wrote last:');
  // Those lines the pusher has read already.
  const message = first === error.message ? first : `${first}.`;
  return new PlatformError(
    'build_failed',
    (withoutTrust(message, trust.mounted) ?? message).replace(
      /\bline (\d+)/gi,
      (_all, line: string) => `line ${originalLine(Number(line))}`,
    ),
    { ...hintOf(error.hint ?? rightsHint(lastLines, dockerfile)), cause: error.cause },
  );
}

function hintOf(hint: string | null): { readonly hint?: string } {
  return hint === null ? {} : { hint };
}

/** The stacks' own user is not root, unlike that of most base images. */
function rightsHint(lastLines: string, dockerfile: string): string | null {
  if (!lacksRights.test(lastLines) || !onOurStack.test(dockerfile)) return null;
  return 'Steps on paas/run and paas/build run as the user app. Write USER root before the steps that need it; the app itself never runs as root.';
}

export function isMissingFrontend(error: unknown): boolean {
  if (!(error instanceof PlatformError) || error.code !== 'build_failed' || !(error.cause instanceof Error))
    return false;
  return /docker\/dockerfile|gateway\.v0/.test(error.cause.message) && unreachable.test(error.cause.message);
}

/** Out of the address that the engine asked, or out of its name for the image. */
function baseImageIn(said: string): string | null {
  const asked = /\/\/([^/"]+)\/v2\/([^"\s]+)\/manifests\/([^"\s]+)/.exec(said);
  if (asked?.[2] && asked[3]) {
    const host = asked[1]?.endsWith('docker.io') ? '' : `${asked[1]}/`;
    return `${host}${asked[2].replace(/^library\//, '')}:${asked[3]}`;
  }
  const named = /(?:docker\.io\/(?:library\/)?)([\w./-]+:[\w.-]+)/.exec(said);
  return named?.[1] ?? null;
}
