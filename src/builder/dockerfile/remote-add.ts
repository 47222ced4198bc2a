import { PlatformError } from '../../domain/errors.ts';
import { instructionsOf } from './instructions.ts';

/** The words that ADD takes for an address and not for a path (buildkit's dockerfile2llb/convert.go, util/gitutil). */
const address = /(?:^|[\s,[=])((?:https?|git|ssh):\/\/\S*|git@\S+|github\.com\/\S*)/i;

/**
 * Throws `build_failed` for an ADD of an address. The engine would fetch it in the host's network, where it reaches the
 * host's loopback ports and a cloud's metadata service, also by a redirect. A step that runs `curl` cannot reach them. An
 * address in a variable or in a base image's ONBUILD is not seen here; the build then ends when the engine names it.
 */
export function refuseRemoteAdd(text: string): void {
  const lines = text.split('\n');
  for (const { keyword, firstLine, headLine } of instructionsOf(lines)) {
    if (keyword !== 'ADD' && keyword !== 'ONBUILD') continue;
    const words = lines
      .slice(firstLine, headLine + 1)
      .join('\n')
      .replace(/[\\`]\s*\n/g, '')
      .replace(/["'\\`]/g, '');
    const source = /^\s*(?:ONBUILD\s+)?ADD\s/i.test(words) ? address.exec(words)?.[1] : undefined;
    if (source === undefined) continue;
    throw new PlatformError(
      'build_failed',
      `Dockerfile line ${firstLine + 1} adds ${source.slice(0, 200)}: addresses are not fetched by ADD here, because the engine would fetch them in the host's network.`,
      { hint: 'Fetch it in a step, for example: RUN curl -fsSLo FILE URL' },
    );
  }
}
