import { type ContainerState, countsAsRunning } from '../domain/containers.ts';
import type { Labels } from '../domain/labels.ts';

/** The parts that we read of `GET /containers/{id}/json`. */
export interface InspectedContainer {
  readonly Id: string;
  readonly Name: string;
  readonly Image: string;
  readonly Config: { readonly Labels: Labels | null; readonly Tty: boolean; readonly OpenStdin: boolean };
  readonly State: {
    readonly Status: string;
    readonly ExitCode: number;
    readonly OOMKilled: boolean;
    readonly StartedAt: string;
    readonly FinishedAt: string;
  };
  readonly HostConfig: { readonly NetworkMode: string };
  readonly NetworkSettings: {
    readonly Networks: Readonly<
      Record<string, { readonly NetworkID: string; readonly IPAddress: string } | null>
    > | null;
  };
}

export function toContainerState(container: InspectedContainer): ContainerState {
  const status = statusOf(container.State.Status);
  return {
    id: container.Id,
    name: container.Name.replace(/^\//, ''),
    labels: container.Config.Labels ?? {},
    status,
    imageId: container.Image,
    // A container that never started has an exit code too (127 if its program was not found).
    exitCode: status === 'exited' ? container.State.ExitCode : null,
    oomKilled: container.State.OOMKilled,
    address: countsAsRunning({ status }) ? addressOf(container) : null,
    startedAt: moment(container.State.StartedAt),
    finishedAt: status === 'exited' ? moment(container.State.FinishedAt) : null,
  };
}

function statusOf(status: string): ContainerState['status'] {
  switch (status) {
    case 'created':
      return 'created';
    case 'running':
    case 'restarting':
      return 'running';
    case 'paused':
      return 'paused';
    default:
      // exited, dead, removing: it does not run again.
      return 'exited';
  }
}

function addressOf(container: InspectedContainer): string | null {
  const networks = Object.entries(container.NetworkSettings.Networks ?? {});
  // The engine lists the networks by name. The network of `NetworkMode` is the one that the container was made in.
  const mode = container.HostConfig.NetworkMode;
  const made = networks.find(([name, network]) => name === mode || network?.NetworkID === mode) ?? networks[0];
  return made?.[1]?.IPAddress || null;
}

/** The engine writes "never" as the year 1. */
function moment(text: string): Date | null {
  return text.startsWith('0001-') || text === '' ? null : new Date(text);
}
