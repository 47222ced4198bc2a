import { tmpdir } from 'node:os';
import { bridgeProcesses, engineOnHost } from '../../src/engine/engine-on-host.ts';
import { createLocalHands } from '../../src/host/local-hands.ts';
import { testDockerHost } from './engine-fixture.ts';

/** The hands on this machine, for the engine that tests use. */
export const testHands = createLocalHands({
  home: tmpdir(),
  engine: engineOnHost(testDockerHost()),
  bridgeProcesses: bridgeProcesses(testDockerHost()),
});
