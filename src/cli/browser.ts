import { execFile } from 'node:child_process';
import type { Environment } from '../config/environment.ts';

/** Shows the address in the person's browser. False when this machine has no screen or no program for it. */
export function openBrowser(url: URL, env: Environment): Promise<boolean> {
  const mac = process.platform === 'darwin';
  if (!mac && !env.DISPLAY && !env.WAYLAND_DISPLAY) return Promise.resolve(false);
  return new Promise((resolve) => {
    const options = { env: env as NodeJS.ProcessEnv, timeout: 10_000 };
    execFile(mac ? 'open' : 'xdg-open', [url.href], options, (error) => resolve(error === null));
  });
}
