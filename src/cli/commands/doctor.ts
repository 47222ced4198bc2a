import type { Check } from '../check.ts';
import { type DefineCommand, examples } from '../command.ts';
import { exitCodes } from '../errors.ts';
import { checkHere } from '../machine-checks.ts';
import { checkPlatform } from '../platform-checks.ts';
import { harmless, padEnd, type StyleName } from '../terminal-text.ts';

const words: Readonly<Record<Check['state'], readonly [word: string, style: StyleName]>> = {
  ok: ['ok', 'green'],
  warning: ['warn', 'yellow'],
  failed: ['fail', 'red'],
};

const define: DefineCommand = (command, session) => {
  command.action(async () => {
    const { apiUrl } = session.platform();
    const checks = await session.progress(`Looking at ${apiUrl} and at this machine`, async (progress) => {
      const found = (await Promise.all([checkPlatform(session), checkHere(session)])).flat();
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
    ['paas doctor --json | jq .checks', 'for a monitor: it ends with 1 when something fails'],
  ]);
};

function summary(checks: readonly Check[]): string {
  const count = (state: Check['state']) => checks.filter((check) => check.state === state).length;
  const parts = [`${count('ok')} ok`];
  if (count('warning') > 0) parts.push(`${count('warning')} to look at`);
  if (count('failed') > 0) parts.push(`${count('failed')} failed`);
  return parts.join(', ');
}

export default define;
