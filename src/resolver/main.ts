import { paths, readSettings } from '../config/settings.ts';
import { PlatformError } from '../domain/errors.ts';
import { createLogger } from '../reporting/logger.ts';
import { openFilesLimit } from '../system/open-files.ts';
import { openProgramLink, programArguments } from '../system/program-link.ts';
import { limitsWithin } from './limits.ts';
import { startResolver } from './resolver.ts';
import { defaultTiming } from './timing.ts';

/**
 * The resolver as a process. Started by a launcher, which it outlives: the next launcher adopts it. SIGTERM and SIGINT
 * end it once the requests in flight have ended.
 */
async function main(): Promise<void> {
  const settings = readSettings();
  const { home, bind, httpPort, trustedProxies, answerHeadBytes, networkPool, holdMs, logLevel, limits } = settings;
  const { resolverSocket, resolverLink, routeSnapshot } = paths(home);
  const { identity, socketFd } = programArguments();
  const ownLimits = limitsWithin(openFilesLimit(), limits);
  const resolver = await startResolver({
    bind,
    httpPort,
    socketFd,
    controlSocket: resolverSocket,
    snapshotPath: routeSnapshot,
    trustedProxies,
    maxAnswerHeadBytes: answerHeadBytes,
    networkPool,
    timing: { ...defaultTiming, ...ownLimits, startingHoldMs: holdMs },
    logger: createLogger({ level: logLevel, name: 'resolver' }),
  });
  let stopping = false;
  let closeLink: () => void = () => undefined;
  const stop = () => {
    if (stopping) return;
    stopping = true;
    closeLink();
    resolver.close().then(
      () => process.exit(0),
      (error) => die(error),
    );
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  const { address } = resolver;
  const facts = () => ({ address, routes: resolver.routeCount });
  closeLink = await openProgramLink({ identity, socketFd, path: resolverLink, facts, forsaken: stop });
  if (stopping) closeLink();
}

function die(error: unknown): never {
  const hint = error instanceof PlatformError && error.hint ? ` ${error.hint}` : '';
  process.stderr.write(`resolver: ${error instanceof PlatformError ? error.message : String(error)}${hint}\n`);
  process.exit(1);
}

main().catch(die);
