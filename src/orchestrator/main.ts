import { readSettings } from '../config/settings.ts';
import { PlatformError } from '../domain/errors.ts';
import { startPlatform } from './platform.ts';

/** After this the process ends as it is. Every start repairs what that leaves. */
const closeTimeoutMs = 9_000;

/** The orchestrator as a process. Started by the launcher; ends in order on SIGTERM, and when the launcher is gone. */
async function main(): Promise<void> {
  const starting = startPlatform(readSettings());
  let stopping = false;
  const stop = () => {
    if (stopping) return;
    stopping = true;
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
  // Without a launcher nothing would end this process or start it again. The launcher may go while the platform starts.
  process.on('disconnect', stop);
  const platform = await starting;
  if (process.connected) process.send?.({ type: 'ready', apiPort: platform.apiPort });
}

function die(error: unknown): never {
  const known = error instanceof PlatformError && error.code !== 'internal';
  const words = known ? [error.message, error.hint] : [error instanceof Error ? error.stack : String(error)];
  process.stderr.write(`orchestrator: ${words.filter(Boolean).join(' ')}\n`);
  process.exit(1);
}

main().catch(die);
