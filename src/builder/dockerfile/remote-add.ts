import { PlatformError } from '../../domain/errors.ts';
import { instructionsOf } from './instructions.ts';

/** What an ADD takes for an address instead of a path (buildkit's dockerfile2llb/convert.go, util/gitutil). */
const address = /(?:^|[\s,[=])((?:https?|git|ssh):\/\/\S*|git@\S+|github\.com\/\S*)/i;

/**
 * Throws `build_failed` for an ADD of an address. The engine would fetch it itself, as the host: from the host's loopback
 * ports and from a cloud's metadata service too, by a redirect if need be. A step that runs `curl` has no such reach. What
 * is hidden from this look, by a variable or in a base image's ONBUILD, ends the build when the engine names it.
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
      `Dockerfile line ${firstLine + 1} adds ${source.slice(0, 200)}: addresses are not fetched by ADD here, because the engine would do it in the host's network.`,
      { hint: 'Fetch it in a step, for example: RUN curl -fsSLo FILE URL' },
    );
  }
}
