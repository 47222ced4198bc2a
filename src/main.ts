import { readSettings } from './config.ts';
import { PlatformError } from './domain/errors.ts';
import { startPlatform } from './platform.ts';

/** The orchestrator as a process. Started by the launcher; ends in order on SIGTERM, and when the launcher is gone. */
async function main(): Promise<void> {
  const platform = await startPlatform(readSettings());
  let stopping = false;
  const stop = () => {
    if (stopping) return;
    stopping = true;
    platform.close().then(
      () => process.exit(0),
      (error: unknown) => die(error),
    );
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  // Without a launcher nobody would end this process or start it again.
  process.on('disconnect', stop);
  process.send?.({ type: 'ready', apiPort: platform.apiPort });
}

function die(error: unknown): never {
  const known = error instanceof PlatformError && error.code !== 'internal';
  const words = known ? [error.message, error.hint] : [error instanceof Error ? error.stack : String(error)];
  process.stderr.write(`orchestrator: ${words.filter(Boolean).join(' ')}\n`);
  process.exit(1);
}

main().catch(die);
