import { paths, readSettings } from '../config/settings.ts';
import { createLogger } from '../reporting/logger.ts';
import { openFilesLimit } from '../system/open-files.ts';
import { limitsWithin } from './limits.ts';
import { type Resolver, startResolver } from './resolver.ts';
import { defaultTiming } from './timing.ts';

/** Starts the resolver of this PAAS_HOME with its settings. `socketFd`: see `ResolverOptions`. */
export async function startHomeResolver(socketFd: number | null): Promise<Resolver> {
  const settings = readSettings();
  const { home, domain, bind, httpPort, trustedProxies, answerHeadBytes, networkPool, logLevel, limits } = settings;
  const { resolverSocket, routeSnapshot } = paths(home);
  const ownLimits = limitsWithin(openFilesLimit(), limits);
  return await startResolver({
    domain,
    bind,
    httpPort,
    socketFd,
    controlSocket: resolverSocket,
    snapshotPath: routeSnapshot,
    trustedProxies,
    maxAnswerHeadBytes: answerHeadBytes,
    networkPool,
    timing: {
      ...defaultTiming,
      ...ownLimits,
      startingHoldMs: settings.holdMs,
      minBytesPerSecond: settings.appMinRate,
    },
    logger: createLogger({ level: logLevel, name: 'resolver' }),
  });
}
