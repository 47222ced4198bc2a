import { PlatformError } from '../../domain/errors.ts';
import { withoutTrust } from './rewrite.ts';
import type { DockerfileTrust } from './trust-image.ts';

const unreachable =
  /no such host|dial tcp|failed to do request|i\/o timeout|x509|pull access denied|failed to resolve/i;

/** What went wrong, in the lines and words of the Dockerfile that its author has. Other errors come back as they are. */
export function explained(
  error: unknown,
  { trust, originalLine }: { readonly trust: DockerfileTrust; readonly originalLine: (line: number) => number },
): unknown {
  if (!(error instanceof PlatformError) || error.code !== 'build_failed') return error;
  const said = error.cause instanceof Error ? error.cause.message : error.message;
  const image = unreachable.test(said) ? baseImageIn(said) : null;
  if (image) {
    return new PlatformError('build_failed', `The base image ${image} is not in the engine, and no registry gave it.`, {
      hint: 'Check its name in FROM. Without a registry, build on the stack: FROM paas/run, or FROM paas/build for compilers.',
      cause: error.cause,
    });
  }
  const [first = ''] = error.message.split('. It wrote last:');
  // Those lines the pusher has read already.
  const message = first === error.message ? first : `${first}.`;
  return new PlatformError(
    'build_failed',
    (withoutTrust(message, trust.mounted) ?? message).replace(
      /\bline (\d+)/gi,
      (_all, line: string) => `line ${originalLine(Number(line))}`,
    ),
    { ...(error.hint === undefined ? {} : { hint: error.hint }), cause: error.cause },
  );
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
