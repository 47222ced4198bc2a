import { EngineFixture } from '../support/engine-fixture.ts';
import { engineContract } from './engine.contract.ts';

engineContract('Docker', () => EngineFixture.create());
