import { refuseWideText } from '../../domain/text-file.ts';
import { anyOf } from '../glob.ts';
import type { Source } from '../strategy.ts';
import type { Group } from './order-toml.ts';

/** Files of text whose buildpack does not say itself that they are in another encoding. */
const plainTexts: readonly string[] = ['static.json', 'Staticfile', '.npmrc'];
const maxTextBytes = 256 * 1024;

/**
 * Checks the files that the groups' buildpacks read at the top of the source. In a build they are files of a container,
 * where a link could lead to a file of that container. Throws `invalid_params` for a link that leads out of the source or
 * to no file, and for UTF-16.
 */
export async function checkControlFiles({ files }: Source, groups: readonly Group[]): Promise<void> {
  for (const path of new Set(
    groups.flat().flatMap(({ buildpack: { planning } }) => (planning ? readBy(planning) : [])),
  )) {
    const entry = await files.find(path);
    if (!entry || !plainTexts.includes(path) || entry.sizeBytes > maxTextBytes) continue;
    const bytes = await files.read(path, maxTextBytes);
    if (bytes) refuseWideText(bytes, path);
  }
}

type Planning = NonNullable<Group[number]['buildpack']['planning']>;

/** Paths whose content the buildpack reads, without patterns. */
function readBy({ detect, inputs, runtime }: Planning): readonly string[] {
  const isRead = anyOf(inputs);
  const named = [...inputs, ...(runtime ? [...runtime.files, ...Object.keys(runtime.json)] : [])];
  return [...named, ...detect.filter(isRead)].filter((path) => !/[*?[\\]/.test(path));
}
