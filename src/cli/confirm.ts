import { PlatformError } from '../domain/errors.ts';
import { prompt } from './prompt.ts';
import type { Session } from './session.ts';

/** Asks for the app's name before something that cannot be undone, unless it was given with --confirm. */
export async function confirmDestructive(
  session: Session,
  request: { readonly app: string; readonly consequence: string; readonly confirm: string | undefined },
): Promise<void> {
  const { app, consequence } = request;
  const sign = session.errorStyle.app(app);
  let given = request.confirm;
  if (given === undefined) {
    session.warn(`Destructive Action\n${consequence}`);
    session.note(`To proceed, type ${app} or re-run this command with --confirm ${app}\n`);
    given = await prompt(session.io, '> ');
  }
  if (given === app) return;
  throw new PlatformError('confirmation_required', `Confirmation ${given} did not match ${sign}. Aborted.`);
}
