import type { BuildOutput } from '../domain/build.ts';
import type { AppLog } from '../domain/log-line.ts';
import { plainText } from './plain-text.ts';

/** Heroku's marks, of seven columns each (contracts/heroku.md 2.3). */
const prefixes = { step: '-----> ', detail: '       ', warn: ' !     ' } as const;
type Kind = keyof typeof prefixes;

/** Sends the same output to several receivers: the pusher's terminal, the app's log. */
export function teeOutput(...outputs: readonly BuildOutput[]): BuildOutput {
  return outputOf((kind, text) => {
    for (const output of outputs) output[kind](text);
  });
}

/**
 * Writes build output as lines of the app's log, of the source `build`, without colours and other control characters.
 */
export function logOutput(appLog: AppLog, appId: string, now: () => Date = () => new Date()): BuildOutput {
  return outputOf((kind, text) => {
    for (const line of plainText(text).split('\n')) {
      const shown = `${prefixes[kind]}${line}`.trimEnd();
      appLog.write(appId, { at: now(), source: 'build', process: 'build', release: null, text: shown });
    }
  });
}

function outputOf(write: (kind: Kind, text: string) => void): BuildOutput {
  return {
    step: (text) => write('step', text),
    detail: (text) => write('detail', text),
    warn: (text) => write('warn', text),
  };
}
