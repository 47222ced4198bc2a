import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';

export function isRoot(): boolean {
  return process.getuid?.() === 0;
}

/** The path of the program in the first of these folders that has it. Null when none has. */
export function programIn(folders: readonly string[], name: string): string | null {
  return folders.map((folder) => join(folder, name)).find(isExecutable) ?? null;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
