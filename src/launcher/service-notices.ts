import { environment } from '../config/environment.ts';
import { runHostCommand } from './host-command.ts';

const sendTimeoutMs = 10_000;

/** Variables that are meant for the launcher alone, and not for the programs that it starts: sd_notify(3). */
export const ownVariables = {
  NOTIFY_SOCKET: undefined,
  WATCHDOG_USEC: undefined,
  WATCHDOG_PID: undefined,
  LISTEN_FDS: undefined,
  LISTEN_PID: undefined,
  LISTEN_FDNAMES: undefined,
} as const;

/** Tells systemd what the launcher does. Does nothing where systemd did not start it. */
export interface ServiceNotices {
  /** The visitors are served. `status` is what `systemctl status` shows. */
  ready(status: string): void;
  status(status: string): void;
  stopping(): void;
  /** Ends the heartbeat. */
  close(): void;
}

/**
 * Notices by the program `systemd-notify`, as Node has no datagram sockets of the unix kind. With `WatchdogSec` in the
 * unit it also sends a heartbeat three times in this time: systemd kills and restarts a launcher that does not.
 */
export function openServiceNotices(env = environment(), send = sendNotice): ServiceNotices {
  if (!env.NOTIFY_SOCKET) return { ready: ignore, status: ignore, stopping: ignore, close: ignore };
  const watchdogMs =
    env.WATCHDOG_PID && env.WATCHDOG_PID !== String(process.pid) ? 0 : Number(env.WATCHDOG_USEC) / 1000;
  const beating = watchdogMs > 0 ? setInterval(() => void send(['WATCHDOG=1']), watchdogMs / 3) : undefined;
  // One after another, so that the last status is the one that stays.
  let sending: Promise<unknown> = Promise.resolve();
  const say = (...words: readonly string[]) => {
    sending = sending.then(() => send(words));
  };
  return {
    ready: (status) => say('READY=1', `STATUS=${status}`),
    status: (status) => say(`STATUS=${status}`),
    stopping: () => say('STOPPING=1'),
    close: () => clearInterval(beating),
  };
}

function ignore(): void {}

/** A notice that is lost does no harm: the next heartbeat comes. */
async function sendNotice(words: readonly string[]): Promise<void> {
  const command = { program: 'systemd-notify', args: words, timeoutMs: sendTimeoutMs };
  await runHostCommand(command, ignore, AbortSignal.timeout(sendTimeoutMs)).catch(ignore);
}
