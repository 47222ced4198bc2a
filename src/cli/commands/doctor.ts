import { PlatformError } from '../../domain/errors.ts';
import type { Check } from '../check.ts';
import { type DefineCommand, examples } from '../command.ts';
import { exitCodes } from '../errors.ts';
import { checkClientMachine } from '../machine-checks.ts';
import { checkPlatform } from '../platform-checks.ts';
import type { Session } from '../session.ts';
import { harmless, padEnd, type StyleName } from '../terminal-text.ts';

const words: Readonly<Record<Check['state'], readonly [word: string, style: StyleName]>> = {
  ok: ['ok', 'green'],
  warning: ['warn', 'yellow'],
  failed: ['fail', 'red'],
};

const define: DefineCommand = (command, session) => {
  command.action(async () => {
    const { apiUrl, wrong } = whichPlatform(session);
    const where = apiUrl === null ? 'this machine' : `${apiUrl} and this machine`;
    const checks = await session.progress(`Checking ${where}`, async (progress) => {
      const found = (await Promise.all([wrong ?? checkPlatform(session), checkClientMachine(session)])).flat();
      progress.end(summary(found));
      return found;
    });
    if (checks.some(({ state }) => state === 'failed')) session.exitCode = exitCodes.failed;
    if (session.json) return session.printJson({ api: apiUrl, checks });
    const column = Math.max(...checks.map(({ name }) => name.length));
    for (const { name, state, message, fix } of checks) {
      const [word, style] = words[state];
      session.print(
        `${session.style.paint(style, padEnd(word, 4))}  ${padEnd(harmless(name), column)}  ${harmless(message)}`,
      );
      if (fix !== null && state !== 'ok') session.print(`${' '.repeat(column + 8)}${harmless(fix)}`);
    }
  });
  examples(command, [
    ['paas doctor'],
    ['paas doctor --json | jq .checks', 'for a monitor: the exit code is 1 when a check fails'],
  ]);
};

/** The platform to check, or the failed check when the saved logins cannot be read. */
function whichPlatform(session: Session): { readonly apiUrl: string | null; readonly wrong: readonly Check[] | null } {
  try {
    return { apiUrl: session.platform().apiUrl, wrong: null };
  } catch (error) {
    if (!(error instanceof PlatformError) || error.code !== 'unauthorized') throw error;
    const { message, hint = null } = error;
    return { apiUrl: null, wrong: [{ name: 'login', state: 'failed', message, fix: hint }] };
  }
}

function summary(checks: readonly Check[]): string {
  const count = (state: Check['state']) => checks.filter((check) => check.state === state).length;
  const parts = [`${count('ok')} ok`];
  if (count('warning') > 0) parts.push(`${count('warning')} to look at`);
  if (count('failed') > 0) parts.push(`${count('failed')} failed`);
  return parts.join(', ');
}

export default define;
