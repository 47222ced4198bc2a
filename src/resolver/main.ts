import { PlatformError } from '../domain/errors.ts';
import { openOwnLink } from '../system/program-link.ts';

/**
 * The resolver as a process. Started by a launcher, which it outlives: the next launcher adopts it. SIGTERM and SIGINT
 * end it once the requests in flight have ended.
 */
async function main(): Promise<void> {
  const link = await openOwnLink();
  const { startHomeResolver } = await import('./home-resolver.ts');
  const resolver = await startHomeResolver(link.socketFd);
  let stopping = false;
  const stop = () => {
    if (stopping) return;
    stopping = true;
    link.close();
    resolver.close().then(
      () => process.exit(0),
      (error) => die(error),
    );
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  link.ready(() => ({ address: resolver.address, routes: resolver.routeCount }));
}

function die(error: unknown): never {
  const hint = error instanceof PlatformError && error.hint ? ` ${error.hint}` : '';
  process.stderr.write(`resolver: ${error instanceof PlatformError ? error.message : String(error)}${hint}\n`);
  process.exit(1);
}

main().catch(die);
