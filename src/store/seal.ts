import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import type { Kysely } from 'kysely';
import { PlatformError } from '../domain/errors.ts';
import type { Clock } from '../system/clock.ts';
import { newId } from './ids.ts';
import type { RootKey } from './root-key.ts';
import type { DataKeyRow, Schema } from './schema.ts';

/** Access to the data keys: what a transaction has, and a read. */
interface KeyStore {
  readonly db: Kysely<Schema>;
  readonly clock: Clock;
}

/**
 * Where a secret stands: the additional authenticated data of its sealed text. The text opens in this context only, so
 * it cannot be moved to another row, app or table.
 */
export interface SealContext {
  readonly table: string;
  readonly appId: string;
  readonly name: string;
  readonly version: number;
}

/**
 * Envelope encryption: the root key wraps one data key per app, the data key seals the app's secrets. AES-256-GCM with
 * a random 96-bit nonce; the text is `v1:<key id>:<nonce>:<ciphertext>:<tag>`. Plaintext in a row is refused.
 * Removing an app removes its data key, and with it every copy of its secrets.
 */
export class Seals {
  readonly #rootKey: RootKey;
  /** Opened data keys by id. A key never changes, so nothing here can be stale. */
  readonly #opened = new Map<string, Buffer>();

  constructor(rootKey: RootKey) {
    this.#rootKey = rootKey;
  }

  /** Makes the app's data key, in the transaction that makes the app. So every app has one before it has a secret. */
  async createDataKey(tx: KeyStore, appId: string): Promise<void> {
    const id = newId();
    const key = randomBytes(32);
    const wrapped = encrypt({ id: this.#rootKey.id, key: this.#rootKey.key }, wrapContext(appId, id), key);
    const row: DataKeyRow = {
      id,
      appId,
      rootKeyId: this.#rootKey.id,
      wrapped,
      createdAt: tx.clock.now().toISOString(),
    };
    await tx.db.insertInto('dataKeys').values(row).execute();
  }

  /** Throws `not_found` when the app is gone. */
  async seal(tx: KeyStore, context: SealContext, plaintext: string): Promise<string> {
    const [sealed] = await this.sealAll(tx, context.appId, [{ context, plaintext }]);
    return sealed ?? '';
  }

  async sealAll(
    tx: KeyStore,
    appId: string,
    secrets: readonly { readonly context: SealContext; readonly plaintext: string }[],
  ): Promise<readonly string[]> {
    const row = await tx.db
      .selectFrom('dataKeys')
      .selectAll()
      .where('appId', '=', appId)
      .orderBy('id', 'desc')
      .limit(1)
      .executeTakeFirst();
    if (!row) throw new PlatformError('not_found', `The app ${appId} is gone.`, { hint: 'See your apps: paas apps' });
    const key = this.#unwrap(row);
    return secrets.map(({ context, plaintext }) => encrypt({ id: row.id, key }, context, Buffer.from(plaintext)));
  }

  /**
   * Throws `internal`, naming the context and never the content, when the text was changed or sealed for another
   * context.
   */
  async open(tx: KeyStore, context: SealContext, sealed: string): Promise<string> {
    const keyId = sealed.split(':', 2)[1] ?? '';
    let key = this.#opened.get(keyId);
    if (!key) {
      const row = await tx.db.selectFrom('dataKeys').selectAll().where('id', '=', keyId).executeTakeFirst();
      if (!row) throw cannotOpen(context, `its data key ${keyId} is missing`);
      key = this.#unwrap(row);
    }
    return decrypt(key, context, sealed).toString();
  }

  forget(appKeyIds: readonly string[]): void {
    for (const id of appKeyIds) this.#opened.delete(id);
  }

  #unwrap(row: DataKeyRow): Buffer {
    const known = this.#opened.get(row.id);
    if (known) return known;
    const key = decrypt(this.#rootKey.key, wrapContext(row.appId, row.id), row.wrapped);
    this.#opened.set(row.id, key);
    return key;
  }
}

function wrapContext(appId: string, keyId: string): SealContext {
  return { table: 'data_keys', appId, name: keyId, version: 1 };
}

function additionalData({ table, appId, name, version }: SealContext): Buffer {
  return Buffer.from(`${table}|${appId}|${name}|${version}`);
}

function encrypt(key: RootKey, context: SealContext, plaintext: Buffer): string {
  const nonce = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', key.key, nonce);
  cipher.setAAD(additionalData(context));
  const ciphertext = Buffer.concat([cipher.update(plaintext), cipher.final()]);
  const parts = [nonce, ciphertext, cipher.getAuthTag()].map((part) => part.toString('base64url'));
  return ['v1', key.id, ...parts].join(':');
}

function decrypt(key: Buffer, context: SealContext, sealed: string): Buffer {
  const [version, , nonce, ciphertext, tag] = sealed.split(':');
  if (version !== 'v1' || nonce === undefined || ciphertext === undefined || tag === undefined) {
    throw cannotOpen(context, 'it is not sealed in the form v1');
  }
  try {
    const decipher = createDecipheriv('aes-256-gcm', key, Buffer.from(nonce, 'base64url'), { authTagLength: 16 });
    decipher.setAAD(additionalData(context));
    decipher.setAuthTag(Buffer.from(tag, 'base64url'));
    return Buffer.concat([decipher.update(Buffer.from(ciphertext, 'base64url')), decipher.final()]);
  } catch (error) {
    throw cannotOpen(context, 'it was changed, or moved here from another row', error);
  }
}

function cannotOpen(context: SealContext, why: string, cause?: unknown): PlatformError {
  const what = `${context.table} ${context.name} (version ${context.version}) of app ${context.appId}`;
  return new PlatformError('internal', `${what} cannot be opened: ${why}.`, { cause });
}
