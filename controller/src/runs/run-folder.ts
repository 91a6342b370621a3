/** `.runs/<UTC time>-<scenario>/`: everything that is left of a run. `.runs/latest` links to the newest, campaigns aside. */
import {
  closeSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readlinkSync,
  realpathSync,
  renameSync,
  rmdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { environmentError, usageError } from '../errors/cxlpod-error.ts';
import { makeFolder } from './make-folder.ts';

export const defaultRunsFolder = '.runs';

/** Two runs of one scenario may start in the same second. */
const namesToTry = 100;
/** In characters. */
const linesWrittenAtOnce = 1 << 20;

export class RunFolder {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  static create(runsFolder: string, scenario: string, at: Date, { isLatest = true } = {}): RunFolder {
    const stamp = at.toISOString().replaceAll(/[-:]|\.\d+/g, '');
    return orDiskError(runsFolder, () => {
      makeFolder(runsFolder);
      for (let attempt = 1; attempt <= namesToTry; attempt++) {
        const name = `${stamp}-${scenario}${attempt === 1 ? '' : `-${attempt}`}`;
        try {
          mkdirSync(join(runsFolder, name));
        } catch (error) {
          if (codeOf(error) === 'EEXIST') continue;
          throw error;
        }
        if (isLatest) linkLatest(runsFolder, name);
        return new RunFolder(resolve(runsFolder, name));
      }
      throw environmentError('RUN_FOLDER_TAKEN', `${namesToTry} runs of ${scenario} started in one second`);
    });
  }

  /** Tries it, for whoever is to do something long before. Throws like `create`. */
  static requireWritable(runsFolder: string): void {
    orDiskError(runsFolder, () => {
      makeFolder(runsFolder);
      rmdirSync(mkdtempSync(join(runsFolder, '.try-')));
    });
  }

  /** The run folder named by the operator, or the newest. Not a link to it, such as `latest`, which leads elsewhere with the next run. */
  static open(runsFolder: string, run: string | undefined): RunFolder {
    if (run !== undefined) return new RunFolder(existsSync(run) ? realpathSync(run) : resolve(run));
    try {
      return new RunFolder(resolve(runsFolder, readlinkSync(join(runsFolder, 'latest'))));
    } catch (error) {
      throw usageError('NO_RUN', `there is no run in ${runsFolder} yet`, { cause: error, hint: 'cxlpod run SCENARIO' });
    }
  }

  get name(): string {
    return basename(this.path);
  }

  join(...parts: readonly string[]): string {
    return join(this.path, ...parts);
  }

  /** Writes one file, folders included. Throws `RUN_FOLDER_FULL` or `RUN_FOLDER_UNWRITABLE`; the pod is not concerned. */
  write(relativePath: string, content: string | Uint8Array): void {
    const path = this.join(relativePath);
    orDiskError(path, () => {
      makeFolder(dirname(path));
      writeFileSync(path, content);
    });
  }

  /** With its mode. Throws like `write`. */
  copy(from: string, relativePath: string): void {
    const path = this.join(relativePath);
    orDiskError(path, () => {
      makeFolder(dirname(path));
      copyFileSync(from, path);
    });
  }

  /** Values as JSON, one a line; more than fit into a string. Throws like `write`. */
  writeLines(relativePath: string, values: Iterable<unknown>): void {
    const path = this.join(relativePath);
    orDiskError(path, () => {
      makeFolder(dirname(path));
      const file = openSync(path, 'w');
      try {
        let text = '';
        for (const value of values) {
          text += `${JSON.stringify(value)}\n`;
          if (text.length < linesWrittenAtOnce) continue;
          writeFileSync(file, text);
          text = '';
        }
        writeFileSync(file, text);
      } finally {
        closeSync(file);
      }
    });
  }

  writeJson(relativePath: string, value: unknown): void {
    this.write(relativePath, `${JSON.stringify(value, null, 2)}\n`);
  }
}

/** By renaming a new link over the old, so that `latest` leads somewhere at every moment. */
function linkLatest(runsFolder: string, name: string): void {
  const temporary = join(runsFolder, `.latest-${process.pid}`);
  rmSync(temporary, { force: true });
  symlinkSync(name, temporary);
  renameSync(temporary, join(runsFolder, 'latest'));
}

/** The last two: a file is where a folder is to be. */
const unwritable: readonly unknown[] = ['EACCES', 'EROFS', 'EPERM', 'EEXIST', 'ENOTDIR'];

/** Turns what the disk answers into an error that says what to do; everything else passes as it is. */
export function orDiskError<T>(path: string, act: () => T): T {
  try {
    return act();
  } catch (error) {
    const code = codeOf(error);
    if (code === 'ENOSPC' || code === 'EDQUOT') {
      throw environmentError('RUN_FOLDER_FULL', `no space is left to write ${path}`, {
        cause: error,
        hint: 'free some space, then run again; a pod that was up before is up and unharmed',
      });
    }
    if (unwritable.includes(code) || isRefusedFolder(error)) {
      throw environmentError('RUN_FOLDER_UNWRITABLE', `${path} cannot be written`, {
        cause: error,
        hint: 'choose another folder with --runs; a pod that was up before is up and unharmed',
      });
    }
    throw error;
  }
}

/** As in /proc: a file that is to be copied and is not there is another matter. */
function isRefusedFolder(error: unknown): boolean {
  return codeOf(error) === 'ENOENT' && (error as NodeJS.ErrnoException).syscall === 'mkdir';
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error ? String(error.code) : undefined;
}
