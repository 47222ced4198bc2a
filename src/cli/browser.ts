import { execFile } from 'node:child_process';
import type { Environment } from '../config/environment.ts';

/** Opens the address in the user's browser. Resolves with false when this machine has no screen or no browser. */
export function openBrowser(url: URL, env: Environment): Promise<boolean> {
  const mac = process.platform === 'darwin';
  if (!mac && !env.DISPLAY && !env.WAYLAND_DISPLAY) return Promise.resolve(false);
  return new Promise((resolve) => {
    const options = { env: env as NodeJS.ProcessEnv, timeout: 10_000 };
    execFile(mac ? 'open' : 'xdg-open', [url.href], options, (error) => resolve(error === null));
  });
}
