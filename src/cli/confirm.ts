import { PlatformError } from '../domain/errors.ts';
import { prompt } from './prompt.ts';
import type { Session } from './session.ts';

/** Before an action that cannot be undone: asks for the app's name, unless --confirm gave it. */
export async function confirmDestructive(
  session: Session,
  request: { readonly app: string; readonly consequence: string; readonly confirm: string | undefined },
): Promise<void> {
  const { app, consequence } = request;
  const label = session.errorStyle.app(app);
  let given = request.confirm;
  if (given === undefined) {
    session.warn(`Destructive Action\n${consequence}`);
    session.note(`To proceed, type ${app} or re-run this command with --confirm ${app}\n`);
    given = await prompt(session.io, '> ');
  }
  if (given === app) return;
  throw new PlatformError('confirmation_required', `Confirmation ${given} did not match ${label}. Aborted.`);
}
