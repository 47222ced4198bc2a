import { paths, readSettings } from '../config/settings.ts';
import { PlatformError } from '../domain/errors.ts';
import { openProgramLink, programArguments } from '../system/program-link.ts';
import { startPlatform } from './platform.ts';

/** After this the process ends as it is. Every start repairs what that leaves. */
const closeTimeoutMs = 9_000;

/**
 * The orchestrator as a process. Started by a launcher, which it outlives: the next launcher adopts it. Ends in order on
 * SIGTERM.
 */
async function main(): Promise<void> {
  const settings = readSettings();
  const starting = startPlatform(settings);
  let stopping = false;
  let closeLink: () => void = () => undefined;
  const stop = () => {
    if (stopping) return;
    stopping = true;
    closeLink();
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
  closeLink = await openProgramLink({
    ...programArguments(),
    path: paths(settings.home).orchestratorLink,
    facts: () => ({ apiPort }),
    forsaken: stop,
  });
  if (stopping) closeLink();
}

function die(error: unknown): never {
  const known = error instanceof PlatformError && error.code !== 'internal';
  const words = known ? [error.message, error.hint] : [error instanceof Error ? error.stack : String(error)];
  process.stderr.write(`orchestrator: ${words.filter(Boolean).join(' ')}\n`);
  process.exit(1);
}

main().catch(die);
