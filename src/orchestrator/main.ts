import { PlatformError } from '../domain/errors.ts';
import { openOwnLink } from '../system/program-link.ts';

/** After this the process ends as it is. Every start repairs what that leaves. */
const closeTimeoutMs = 9_000;

/**
 * The orchestrator as a process. Started by a launcher, which it outlives: the next launcher adopts it. Ends in order on
 * SIGTERM.
 */
async function main(): Promise<void> {
  const link = await openOwnLink();
  const { readSettings } = await import('../config/settings.ts');
  const { startPlatform } = await import('./platform.ts');
  const starting = startPlatform(readSettings());
  let stopping = false;
  const stop = () => {
    if (stopping) return;
    stopping = true;
    link.close();
    setTimeout(() => process.exit(0), closeTimeoutMs);
    starting
      .then((platform) => platform.close())
      .then(
        () => process.exit(0),
        (error: unknown) => die(error),
      );
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  const { apiPort } = await starting;
  link.ready(() => ({ apiPort }));
}

function die(error: unknown): never {
  const known = error instanceof PlatformError && error.code !== 'internal';
  const words = known ? [error.message, error.hint] : [error instanceof Error ? error.stack : String(error)];
  process.stderr.write(`orchestrator: ${words.filter(Boolean).join(' ')}\n`);
  process.exit(1);
}

main().catch(die);
