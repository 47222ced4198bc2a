import type { EngineOnHost } from '../domain/host-hands.ts';

/** The control group of a container, below the mount point of a hierarchy. */
export function groupOf({ cgroupDriver }: Pick<EngineOnHost, 'cgroupDriver'>, containerId: string): string {
  return cgroupDriver === 'systemd' ? `system.slice/docker-${containerId}.scope` : `docker/${containerId}`;
}
