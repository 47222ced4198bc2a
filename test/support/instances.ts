import type { Instance } from '../../src/domain/instance.ts';
import { fixedSize } from '../../src/domain/instance-size.ts';

let made = 0;

export interface Changes extends Partial<Instance> {
  readonly releaseId?: string;
}

/** A web instance that is up since the given time, with the fields that the test sets. Later ones have a greater `seq`. */
export function upInstance(moment: Date, { releaseId = 'r1', ...changes }: Changes): Instance {
  made += 1;
  return {
    seq: made,
    id: `i${String(made).padStart(4, '0')}`,
    appId: 'a',
    workload: { kind: 'release', releaseId },
    hostId: 'h',
    type: 'web',
    slot: 1,
    size: fixedSize(4),
    command: null,
    desired: 'up',
    stopReason: null,
    notBefore: null,
    failures: 0,
    state: 'up',
    containerId: 'c',
    address: '10.0.0.2',
    port: 5000,
    exitCode: null,
    reason: null,
    createdAt: moment,
    startedAt: moment,
    upAt: moment,
    endedAt: null,
    ...changes,
  };
}
