import { setTimeout as delay } from 'node:timers/promises';
import { PlatformError } from '../domain/errors.ts';
import type { ExecProcess, ExecRequest, TerminalSize } from '../domain/exec.ts';
import type { Connection } from './connection.ts';
import { answered, engineMessage, toPlatformError } from './docker-errors.ts';
import { environmentOf, unprivileged } from './policy.ts';
import { stdioOf } from './stdio.ts';

/** The engine records the end a moment after it has closed the streams. A program can close its streams long before it ends. */
const firstLookMs = 10;
const longestLookMs = 1000;

/**
 * Starts a second program in the container. It inherits the container's seccomp filter, its limits and no-new-privileges.
 * Source: Engine API, "Exec".
 */
export async function startExec(
  connection: Connection,
  id: string,
  { request, signal }: { readonly request: ExecRequest; readonly signal: AbortSignal },
): Promise<ExecProcess> {
  const argv0 = request.argv[0] ?? '';
  const what = `run ${argv0} in container ${id}`;
  const call = { what, signal };
  const path = `/containers/${encodeURIComponent(id)}/exec`;
  const body = execRequest(request);
  const { Id: exec } = await connection.request<{ readonly Id: string }>({ ...call, method: 'POST', path, body });
  const own = `/exec/${encodeURIComponent(exec)}`;
  const start = { Detach: false, Tty: body.Tty };
  const socket = await connection.hijack({ ...call, method: 'POST', path: `${own}/start`, body: start });
  const { streams, ended } = stdioOf(socket, { multiplexed: !body.Tty });

  async function resize({ columns, rows }: TerminalSize): Promise<void> {
    try {
      await connection.request({ method: 'POST', path: `${own}/resize`, query: { h: rows, w: columns }, what });
    } catch (error) {
      // It has ended: older engines answer 404, newer ones 500.
      const isOver = answered(error, 404) || (answered(error, 500) && /stopped container/i.test(engineMessage(error)));
      if (!isOver) throw error;
    }
  }

  async function wait(): Promise<number> {
    try {
      // After the caller gave up, unread output is no error.
      const broken = await Promise.race([ended, aborted(signal)]);
      signal.throwIfAborted();
      if (broken !== null) throw broken;
      for (let lookMs = firstLookMs; ; lookMs = Math.min(2 * lookMs, longestLookMs)) {
        const state = await connection.request<ExecState>({ ...call, method: 'GET', path: `${own}/json` });
        if (!state.Running && state.ExitCode !== null) return state.ExitCode;
        await delay(lookMs, undefined, { signal });
      }
    } catch (error) {
      if (isOverdue(signal)) {
        throw new PlatformError('timeout', `${argv0} did not end in time in container ${id}, and goes on there.`, {
          cause: error,
        });
      }
      throw toPlatformError(error, call);
    }
  }

  if (request.terminal !== undefined) await resize(request.terminal);
  return { ...streams, resize, wait };
}

function aborted(signal: AbortSignal): Promise<unknown> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
}

function isOverdue(signal: AbortSignal): boolean {
  return signal.aborted && (signal.reason as Error | null)?.name === 'TimeoutError';
}

interface ExecState {
  readonly Running: boolean;
  readonly ExitCode: number | null;
}

/** Throws `invalid_params` for root and for invalid environment variables. */
function execRequest({ argv, env, user, workingDir, input = false, terminal }: ExecRequest) {
  const name = argv[0] ?? '';
  return {
    Cmd: argv,
    AttachStdin: input,
    AttachStdout: true,
    AttachStderr: true,
    Tty: terminal !== undefined,
    ...(env === undefined ? {} : { Env: environmentOf(name, env) }),
    ...(user === undefined ? {} : { User: unprivileged(name, user) }),
    ...(workingDir === undefined ? {} : { WorkingDir: workingDir }),
  };
}
