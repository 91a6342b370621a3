import { readFileSync } from 'node:fs';
import { usageError } from '../errors/cxlpod-error.ts';

/** A file of a run folder. Throws `RUN_FILE_BROKEN`. */
export function readSavedJson<T>(path: string): T {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as T;
  } catch (error) {
    throw usageError('RUN_FILE_BROKEN', `${path} is not what a run left there`, {
      cause: error,
      hint: 'the file was cut off, or written by something else; run the scenario again',
    });
  }
}
