import { after, before, describe } from 'node:test';
import { scaled } from '../support/deadline.ts';
import type { EngineFixture } from '../support/engine-fixture.ts';
import { containersContract } from './engine-containers.contract.ts';
import { dockerfileContract } from './engine-dockerfile.contract.ts';
import { eventsContract } from './engine-events.contract.ts';
import { execContract } from './engine-exec.contract.ts';
import { imageTransfersContract } from './engine-image-transfers.contract.ts';
import { imagesContract } from './engine-images.contract.ts';
import { networksContract } from './engine-networks.contract.ts';
import { resourcesContract } from './engine-resources.contract.ts';
import { sandboxContract } from './engine-sandbox.contract.ts';
import { streamsContract } from './engine-streams.contract.ts';
import { volumeCopiesContract } from './engine-volume-copies.contract.ts';
import { volumesContract } from './engine-volumes.contract.ts';

/** Returns the engine under test, which exists from the first test to the last. */
export type UnderTest = () => EngineFixture;

/** The contract of every adapter of the Engine port, on a real engine. */
export function engineContract(name: string, makeEngine: () => Promise<EngineFixture>): void {
  describe(`${name}: the engine contract`, { timeout: scaled(240_000) }, () => {
    let fixture: EngineFixture | null = null;
    const underTest: UnderTest = () => {
      if (fixture === null) throw new Error('The engine is not there yet: ask inside of a test.');
      return fixture;
    };
    before(async () => {
      fixture = await makeEngine();
    });
    after(async () => {
      await fixture?.[Symbol.asyncDispose]();
    });

    containersContract(underTest);
    sandboxContract(underTest);
    streamsContract(underTest);
    execContract(underTest);
    resourcesContract(underTest);
    eventsContract(underTest);
    imagesContract(underTest);
    imageTransfersContract(underTest);
    dockerfileContract(underTest);
    networksContract(underTest);
    volumesContract(underTest);
    volumeCopiesContract(underTest);
  });
}
