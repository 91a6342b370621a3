import { mkdirSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';

/**
 * With the folders above it, as far as they are missing. Node's own recursive way never comes back where a file system says ENOENT to a folder
 * whose parent is there, as /proc does. Throws the first refusal.
 */
export function makeFolder(path: string): void {
  const folder = resolve(path);
  if (isMade(folder)) return;
  makeFolder(dirname(folder));
  if (!isMade(folder)) mkdirSync(folder);
}

/** False when the one above it is missing. */
function isMade(folder: string): boolean {
  try {
    mkdirSync(folder);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // Somebody else may make it at the same time.
    if (code === 'EEXIST' && statSync(folder).isDirectory()) return true;
    if (code === 'ENOENT' && dirname(folder) !== folder) return false;
    throw error;
  }
}
