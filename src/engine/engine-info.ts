import type { EngineInfo } from '../domain/engine.ts';
import { PlatformError } from '../domain/errors.ts';
import type { Connection } from './connection.ts';

/** The parts that we read of `GET /info` and `GET /version`. */
interface SystemInfo {
  readonly ID: string;
  readonly ServerVersion: string;
  readonly Driver: string;
  readonly DriverStatus?: readonly (readonly string[])[] | null;
  readonly CgroupDriver: string;
  /** Absent before API 1.41, which knew version 1 only. */
  readonly CgroupVersion?: string;
  readonly LiveRestoreEnabled: boolean;
  readonly NCPU: number;
  readonly MemTotal: number;
  readonly Architecture: string;
  readonly DockerRootDir: string;
}

/** EngineInfo, and facts that no port shows. */
export interface DockerInfo extends EngineInfo {
  /** The engine's id, stable over restarts. */
  readonly id: string;
  readonly cgroupVersion: 1 | 2;
  readonly cgroupDriver: string;
  readonly dataRoot: string;
}

/** Throws `unavailable` if the engine does not answer, and `invalid_params` for a processor for which the platform has no stack. */
export async function readInfo(connection: Connection, deadlineMs?: number): Promise<DockerInfo> {
  const call = { method: 'GET', what: 'describe itself', ...(deadlineMs === undefined ? {} : { deadlineMs }) } as const;
  const [info, version] = await Promise.all([
    connection.request<SystemInfo>({ ...call, path: '/info' }),
    connection.request<{ readonly ApiVersion: string }>({ ...call, path: '/version' }),
  ]);
  return {
    id: info.ID,
    version: `Docker ${info.ServerVersion.replace(/\+.*$/, '')}`,
    apiVersion: version.ApiVersion,
    imageStore: imageStoreOf(info),
    cgroupVersion: info.CgroupVersion === '2' ? 2 : 1,
    cgroupDriver: info.CgroupDriver,
    liveRestore: info.LiveRestoreEnabled,
    cpus: info.NCPU,
    memoryBytes: info.MemTotal,
    architecture: architectureOf(info.Architecture),
    dataRoot: info.DockerRootDir,
  };
}

function imageStoreOf(info: SystemInfo): EngineInfo['imageStore'] {
  const driverType = info.DriverStatus?.find(([name]) => name === 'driver-type')?.[1];
  return driverType === 'io.containerd.snapshotter.v1' ? 'containerd' : 'graph';
}

function architectureOf(machine: string): EngineInfo['architecture'] {
  switch (machine) {
    case 'x86_64':
    case 'amd64':
      return 'amd64';
    case 'aarch64':
    case 'arm64':
      return 'arm64';
    default:
      throw new PlatformError('invalid_params', `The engine runs on ${machine}; the platform knows amd64 and arm64.`);
  }
}
