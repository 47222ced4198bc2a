import { connect } from 'node:net';
import { type LinkHello, linkRequests } from '../system/program-link.ts';
import { longestSilenceMs, lookEveryMs, schedulingOf, silenceAfter } from './silence.ts';

/**
 * The end of a watch. `absent`: nobody listens at the link. `silent`: the program does not answer, though it could.
 * `closed`: the link was closed, mostly because the program has ended.
 */
export type WatchEnd = 'absent' | 'silent' | 'closed' | 'left';

export interface WatchOptions {
  readonly path: string;
  /** Null when it is not known: then lack of CPU time is not seen. */
  readonly pid: number | null;
  readonly onHello: (hello: LinkHello) => void;
  /** Ends the watch: `left`. */
  readonly signal: AbortSignal;
}

/** Watches a program over its link (system/program-link.ts) until it ends or is silent for 2 s. */
export function watchProgram({ path, pid, onHello, signal }: WatchOptions): Promise<WatchEnd> {
  return new Promise((resolve) => {
    const link = connect(path);
    let isOpen = false;
    let hasBeaten = false;
    let silenceMs = 0;
    let lookedMs = performance.now();
    let known = pid;
    let { starvedMs } = schedulingOf(known ?? 0);
    const look = () => {
      const nowMs = performance.now();
      const scheduling = schedulingOf(known ?? 0);
      silenceMs = silenceAfter(silenceMs, {
        hasBeaten,
        elapsedMs: nowMs - lookedMs,
        starvedMs: scheduling.starvedMs - starvedMs,
        isInDiskWait: scheduling.isInDiskWait,
      });
      [hasBeaten, lookedMs, starvedMs] = [false, nowMs, scheduling.starvedMs];
      if (silenceMs > longestSilenceMs) end('silent');
    };
    const looking = setInterval(look, lookEveryMs);
    const leave = () => end('left');
    const end = (why: WatchEnd) => {
      clearInterval(looking);
      signal.removeEventListener('abort', leave);
      link.destroy();
      resolve(why);
    };
    signal.addEventListener('abort', leave, { once: true });
    if (signal.aborted) leave();
    link.on('connect', () => {
      isOpen = true;
      link.write(linkRequests.watch);
    });
    link.on('error', () => end(isOpen ? 'closed' : 'absent'));
    link.on('close', () => end('closed'));
    let text = '';
    link.setEncoding('utf8').on('data', (chunk: string) => {
      hasBeaten = true;
      const lines = (text + chunk).split('\n');
      text = lines.pop() ?? '';
      for (const line of lines) if (line !== '.') greet(JSON.parse(line));
    });
    const greet = (hello: LinkHello) => {
      known = hello.pid;
      onHello(hello);
    };
  });
}
