import { createHash, randomBytes } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { PlatformError } from '../domain/errors.ts';

/**
 * The key that wraps every app's data key. It lives in a file apart from the data (0600), so that a copy of the store
 * or of a backup alone opens nothing. Format of the one line: `v1:<key id>:<32 bytes, base64>`.
 */
export interface RootKey {
  /** Derived from the key, so that a wrong or damaged key is recognised without trying it. */
  readonly id: string;
  readonly key: Buffer;
}

export function rootKeyPath(keysDir: string): string {
  return join(keysDir, 'root.key');
}

/** Makes `root.key` when there is none, and returns it. May be called any number of times, also by two programs at once. */
export function createRootKey(keysDir: string): RootKey {
  const existing = readRootKey(keysDir);
  if (existing) return existing;
  mkdirSync(keysDir, { recursive: true, mode: 0o700 });
  chmodSync(keysDir, 0o700);
  const key = randomBytes(32);
  const path = rootKeyPath(keysDir);
  const temporary = `${path}.${process.pid}.${randomBytes(4).toString('hex')}`;
  writeDurably(temporary, `v1:${keyId(key)}:${key.toString('base64')}\n`);
  try {
    // A link, not a rename: of two programs that make the key at once, the second must not overwrite the first one's.
    linkSync(temporary, path);
    syncDirectory(keysDir);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    rmSync(temporary, { force: true });
  }
  const made = readRootKey(keysDir);
  if (!made) throw new PlatformError('internal', `${path} was removed while it was being made.`);
  return made;
}

/** Null when there is no key file. Throws `internal` when the file holds no key. */
export function readRootKey(keysDir: string): RootKey | null {
  return keyInFile(rootKeyPath(keysDir));
}

/** The same for a file of any name, such as the copy that belongs to a backup. */
export function keyInFile(path: string): RootKey | null {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
  const [version, id, encoded] = text.trim().split(':');
  const key = Buffer.from(encoded ?? '', 'base64');
  if (version !== 'v1' || key.length !== 32 || keyId(key) !== id) {
    throw new PlatformError('internal', `${path} is damaged: it holds no v1 root key.`, {
      hint: 'Put back the root key from your backup of PAAS_HOME/keys; without it the config vars cannot be read. The copy of the nightly backup: paas platform:restore',
    });
  }
  return { id, key };
}

function keyId(key: Buffer): string {
  return createHash('sha256').update('paas root key\0').update(key).digest('hex').slice(0, 12);
}

function writeDurably(path: string, content: string): void {
  const fd = openSync(path, 'wx', 0o600);
  try {
    writeSync(fd, content);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

function syncDirectory(path: string): void {
  const fd = openSync(path, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
