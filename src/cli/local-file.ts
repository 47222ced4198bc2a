import { resolve } from 'node:path';
import type { Session } from './session.ts';

/** A file that a person named, as a whole path: another program of ours may run in another folder. */
export function inThisFolder({ io }: Pick<Session, 'io'>, file: string): string {
  return resolve(io.cwd, file);
}
