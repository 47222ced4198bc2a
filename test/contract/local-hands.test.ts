import { testHands } from '../support/hands.ts';
import { hostHandsContract } from './host-hands.contract.ts';

hostHandsContract('this machine', testHands);
