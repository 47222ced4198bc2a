import { randomBytes } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { App } from '../../domain/app.ts';
import type { Stack } from '../../domain/builder.ts';
import { PlatformError } from '../../domain/errors.ts';
import { writeWhole } from '../../system/durable-file.ts';
import { readIfThere } from '../files.ts';
import { Jail, type JailDeps } from '../jail/jail.ts';
import type { JailLimits } from '../jail/limits.ts';
import { stackUser } from '../stack/recipe.ts';

const names = ['passwd', 'group'] as const;
type AccountFile = (typeof names)[number];
export type AccountTexts = Readonly<Record<AccountFile, string>>;

const readMs = 60_000;

export interface AccountFilesDeps extends JailDeps {
  readonly platformId: string;
  readonly limits: JailLimits;
  /** The folder for the texts. */
  readonly cacheDir: string;
}

/**
 * The run stack's passwd and group. An app's image has copies in which the user `app` has the app's own number, because ssh,
 * git, Node.js and PostgreSQL's libraries look up the name of the user that they run as. Read once for each stack.
 */
export class AccountFiles {
  readonly #deps: AccountFilesDeps;
  readonly #read = new Map<string, Promise<AccountTexts>>();

  constructor(deps: AccountFilesDeps) {
    this.#deps = deps;
  }

  /** The texts for an app's image. */
  async of(stack: Stack, { uid }: Pick<App, 'uid'>): Promise<AccountTexts> {
    const { passwd, group } = await this.#ofStack(stack);
    return { passwd: renumbered(passwd, uid), group: renumbered(group, uid) };
  }

  async #ofStack(stack: Stack): Promise<AccountTexts> {
    const id = stack.runImageId;
    const reading = this.#read.get(id) ?? this.#make(stack);
    this.#read.set(id, reading);
    try {
      return await reading;
    } catch (error) {
      this.#read.delete(id);
      throw error;
    }
  }

  async #make(stack: Stack): Promise<AccountTexts> {
    const path = join(this.#deps.cacheDir, `accounts-${stack.runImageId.replace(/^sha256:/, '').slice(0, 16)}.json`);
    const kept = await readIfThere(path);
    if (kept) return JSON.parse(kept.toString()) as AccountTexts;
    const texts = await this.#readFrom(stack);
    await mkdir(this.#deps.cacheDir, { recursive: true, mode: 0o700 });
    await writeWhole(path, JSON.stringify(texts));
    return texts;
  }

  async #readFrom({ runImageId }: Stack): Promise<AccountTexts> {
    const { platformId, limits } = this.#deps;
    const buildId = `accounts-${randomBytes(4).toString('hex')}`;
    const spec = { name: `paas-build-${buildId}`, platformId, appId: null, buildId, image: runImageId } as const;
    await using jail = await Jail.open(
      this.#deps,
      { ...spec, networkId: null, volumes: [], limits },
      // Not the pusher's signal, because other builds wait for the same files.
      { output: { write: () => undefined, end: () => undefined }, signal: AbortSignal.timeout(readMs) },
    );
    const files = await jail.read(names.map((name) => `/etc/${name}`));
    const textOf = (name: AccountFile) => files.get(`/etc/${name}`)?.content.toString() ?? '';
    const texts = { passwd: textOf('passwd'), group: textOf('group') };
    if (!texts.passwd.includes(stackUser)) {
      throw new PlatformError('internal', `The stack ${runImageId} has no user ${stackUser} in /etc/passwd.`, {
        hint: 'Make the stack again: paas stack:rebuild',
      });
    }
    return texts;
  }
}

/** The number of the stack's own user stands in its own lines only. */
function renumbered(text: string, uid: number): string {
  const [own = ''] = stackUser.split(':');
  return text.replaceAll(`:${own}:`, `:${uid}:`).replaceAll(`:${own}:`, `:${uid}:`);
}
