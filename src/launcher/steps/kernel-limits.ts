import type { Settings } from '../../config/settings.ts';
import { lowKernelLimits, raisable, raiseKernelLimit } from '../../host/kernel-limits.ts';
import type { SetUpStep } from '../set-up.ts';

/** Raises what all apps of the host share and their memory bounds anyway. Nothing is written to /etc: each start asks again. */
export function kernelLimitsStep(
  { dockerHost, raiseLimits }: Pick<Settings, 'dockerHost' | 'raiseLimits'>,
  folder?: string,
): SetUpStep {
  // An engine elsewhere has another kernel.
  const isOurs = raiseLimits && dockerHost.startsWith('unix://');
  const low = async () => (isOurs ? await raisable(await lowKernelLimits(folder), folder) : []);
  return {
    async needed() {
      const names = (await low()).map(({ name }) => name);
      return names.length === 0 ? null : `Raising limits of the kernel that all apps share: ${names.join(', ')}`;
    },
    async perform(progress) {
      for (const limit of await low()) {
        const done = await raiseKernelLimit(limit, folder);
        progress(`${limit.name}: ${limit.value}${done ? ` to ${limit.raised}` : ', and the kernel refuses more'}`);
      }
    },
  };
}
