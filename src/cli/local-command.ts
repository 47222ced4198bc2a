import { PlatformError } from '../domain/errors.ts';
import type { Session } from './session.ts';

/**
 * Commands that act on this machine's platform, not through its API. The launcher does them; an installed client has
 * none. The only file of the client that knows the launcher.
 */
export async function runLocally(session: Session, name: string, args: readonly string[]): Promise<void> {
  let launcher: typeof import('../launcher/commands.ts');
  try {
    launcher = await import('../launcher/commands.ts');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw error;
    throw new PlatformError('unavailable', `paas ${name} works only in the platform's own checkout.`, {
      hint: `On the platform's machine, in its folder: npx paas ${name}`,
      cause: error,
    });
  }
  const done = await launcher.runLocalCommand(name, args);
  if (session.json) session.printJson(done);
}
