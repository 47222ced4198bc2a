import { paths, readSettings } from '../config/settings.ts';
import { PlatformError } from '../domain/errors.ts';
import { createLogger } from '../reporting/logger.ts';
import { startResolver } from './resolver.ts';
import { defaultTiming } from './timing.ts';

/**
 * The resolver's own process. Sends `ready` to the launcher. SIGTERM and SIGINT end it once the requests in flight have
 * ended.
 */
async function main(): Promise<void> {
  const { home, bind, httpPort, trustedProxies, answerHeadBytes, holdMs, logLevel } = readSettings();
  const { resolverSocket, routeSnapshot } = paths(home);
  const resolver = await startResolver({
    bind,
    httpPort,
    controlSocket: resolverSocket,
    snapshotPath: routeSnapshot,
    trustedProxies,
    maxAnswerHeadBytes: answerHeadBytes,
    timing: { ...defaultTiming, startingHoldMs: holdMs },
    logger: createLogger({ level: logLevel, name: 'resolver' }),
  });
  let stopping = false;
  const stop = () => {
    if (stopping) return;
    stopping = true;
    resolver.close().then(
      () => process.exit(0),
      (error) => die(error),
    );
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  // Without a launcher nothing would end this process or start it again.
  process.on('disconnect', stop);
  if (process.connected) process.send?.({ type: 'ready', address: resolver.address });
}

function die(error: unknown): never {
  const hint = error instanceof PlatformError && error.hint ? ` ${error.hint}` : '';
  process.stderr.write(`resolver: ${error instanceof PlatformError ? error.message : String(error)}${hint}\n`);
  process.exit(1);
}

main().catch(die);
