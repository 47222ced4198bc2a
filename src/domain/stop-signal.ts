import { constants } from 'node:os';

export const defaultStopSignal = 'SIGTERM';

const highest = 64;
/** The first real-time signal that programs may use, and the last one (signal(7); glibc keeps 32 and 33 to itself). */
const realTime = { first: 34, last: highest } as const;

/**
 * The number of a signal as a Dockerfile's STOPSIGNAL writes it: `SIGQUIT`, `quit`, `3`, `SIGRTMIN+3`, `RTMAX-1`. Null for
 * an unknown name. Numbers are those of Linux.
 */
export function signalNumber(text: string): number | null {
  if (/^\d{1,3}$/.test(text)) return within(Number(text));
  const name = text.toUpperCase().replace(/^SIG/, '');
  const [, base, sign = '+', offset = '0'] = /^RT(MIN|MAX)(?:([+-])(\d{1,2}))?$/.exec(name) ?? [];
  if (base !== undefined) {
    const start = base === 'MIN' ? realTime.first : realTime.last;
    const number = start + Number(`${sign}${offset}`);
    return number >= realTime.first ? within(number) : null;
  }
  return constants.signals[`SIG${name}` as NodeJS.Signals] ?? null;
}

function within(number: number): number | null {
  return number >= 1 && number <= highest ? number : null;
}

/** The signal in words: its name in capitals, or its number. */
export function signalName(text: string): string {
  return /^\d+$/.test(text) ? `signal ${text}` : `SIG${text.toUpperCase().replace(/^SIG/, '')}`;
}
