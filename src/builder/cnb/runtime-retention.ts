import { PlatformError } from '../../domain/errors.ts';
import { Jail, type JailDeps, type JailSpec } from '../jail/jail.ts';
import type { RecordUse, RuntimeRecords } from './runtime-records.ts';

/** A runtime that no build has used for this time is removed. A build that needs it later makes it again. */
const unusedForMs = 30 * 24 * 60 * 60_000;

/**
 * Removes shared runtimes that no build has used for 30 days: first their folders in the volume, then their images, and
 * their records last, so that an interrupted removal goes on at the next call. Images of apps keep their own copy of the
 * layers. A running build's runtimes are safe, because it has just used them.
 */
export async function removeOldRuntimes({
  engine,
  hands,
  records,
  now,
  spec,
}: JailDeps & {
  readonly records: RuntimeRecords;
  readonly now: Date;
  /** For a jail whose only volume is that of the runtimes. */
  readonly spec: JailSpec;
}): Promise<void> {
  const all = await records.uses();
  const isOld = ({ usedAt }: RecordUse) => now.getTime() - usedAt.getTime() > unusedForMs;
  const old = all.filter(isOld);
  if (old.length === 0) return;
  const kept = all.filter((use) => !isOld(use));
  await keepOnly(new Set(kept.flatMap(({ folders }) => folders)), { engine, hands }, spec);
  const images = new Set(kept.map(({ imageId }) => imageId));
  for (const { imageId } of old) if (imageId && !images.has(imageId)) await engine.images.remove(imageId);
  for (const use of old) await records.forget(use);
}

async function keepOnly(folders: ReadonlySet<string>, deps: JailDeps, spec: JailSpec): Promise<void> {
  const output: Buffer[] = [];
  const signal = AbortSignal.timeout(spec.limits.wallMs);
  await using jail = await Jail.open(deps, spec, {
    output: { write: (chunk) => output.push(chunk), end: () => undefined },
    signal,
  });
  const others = [...folders].flatMap((folder) => ['!', '-name', folder]);
  const [volume = ''] = spec.volumes.map(({ path }) => path);
  const { status } = await jail.run({
    argv: ['find', volume, '-mindepth', '1', '-maxdepth', '1', ...others, '-exec', 'rm', '-rf', '{}', '+'],
    env: {},
    cwd: '/',
  });
  if (status !== 0)
    throw new PlatformError(
      'internal',
      `Old runtimes could not be removed: ${Buffer.concat(output).toString().trim()}`,
    );
}
