/** The state of a host on which no engine answers. */
export interface EngineFacts {
  /** PAAS_DOCKER_HOST. */
  readonly dockerHost: string;
  /** Whether it is the socket on which a packaged engine of this host listens. */
  readonly isDefaultHost: boolean;
  /** The socket exists, but this user may not open it. */
  readonly isForbidden: boolean;
  readonly isRoot: boolean;
  readonly hasDaemon: boolean;
  readonly canInstall: boolean;
}

export type EnginePlan =
  | { readonly kind: 'start' }
  | { readonly kind: 'install' }
  | { readonly kind: 'refuse'; readonly message: string; readonly hint: string };

/** The next step when no engine answers. Pure. */
export function planEngine(facts: EngineFacts): EnginePlan {
  if (facts.isForbidden) {
    return refuse(
      `You may not use the container engine at ${facts.dockerHost}.`,
      'As root: usermod -aG docker YOUR-USER. Then log in anew, so that the group counts.',
    );
  }
  if (!facts.isDefaultHost) {
    return refuse(
      `No container engine answers at ${facts.dockerHost}.`,
      'Start it, or change PAAS_DOCKER_HOST. Without that setting the engine of this host is used.',
    );
  }
  if (facts.hasDaemon && facts.isRoot) return { kind: 'start' };
  if (facts.hasDaemon) {
    return refuse(
      `The container engine is installed, but does not answer at ${facts.dockerHost}.`,
      'As root: systemctl start docker (or: service docker start).',
    );
  }
  if (facts.canInstall) return { kind: 'install' };
  return refuse(
    'There is no container engine on this host.',
    facts.isRoot
      ? 'Install Docker (20.10 or newer) with the package manager of this system, start it and run npm start again.'
      : 'As root on Debian or Ubuntu: apt-get install docker.io, then usermod -aG docker YOUR-USER and log in anew; or run npm start as root, which does it.',
  );
}

/** A way to start the daemon. They are tried in order, until the engine answers. */
export type StartMethod = 'systemd' | 'service' | 'process';

export function startMethods(host: {
  readonly hasSystemd: boolean;
  readonly hasInitScript: boolean;
}): readonly StartMethod[] {
  if (host.hasSystemd) return ['systemd'];
  return host.hasInitScript ? ['service', 'process'] : ['process'];
}

function refuse(message: string, hint: string): EnginePlan {
  return { kind: 'refuse', message, hint };
}

/**
 * Why dockerd did not start, from its log: its line `failed to start daemon`, else the last line. At most 500
 * characters.
 */
export function failureReason(log: string): string {
  const lines = log.trimEnd().split('\n');
  const reason = lines.findLast((line) => line.startsWith('failed to start daemon:'));
  return (reason ?? lines.at(-1) ?? '').slice(0, 500);
}
