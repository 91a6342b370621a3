/** How many cores this process may use, and how many threads of the machine want one now. */
import { openSync, readFileSync, readSync } from 'node:fs';
import { availableParallelism, cpus } from 'node:os';
import { dirname, join } from 'node:path';

export interface Cores {
  /** Of this process: its affinity, and the quota of its cgroup, rounded up. */
  readonly own: number;
  readonly machine: number;
}

let known: Cores | undefined;

/** Looked up once. */
export function usableCores(): Cores {
  known ??= {
    own: Math.min(availableParallelism(), Math.ceil(quotaCores('/proc/self/cgroup', '/sys/fs/cgroup'))),
    machine: cpus().length,
  };
  return known;
}

/** The smallest quota on the way from this process's cgroup up to the root, in cores; Infinity for none. Version 2 only. */
export function quotaCores(membershipFile: string, root: string): number {
  const path = /^0::(.*)$/m.exec(textOf(membershipFile))?.[1];
  if (path === undefined) return Number.POSITIVE_INFINITY;
  let least = Number.POSITIVE_INFINITY;
  for (let folder = join('/', path); ; folder = dirname(folder)) {
    const [quotaUs, periodUs] = textOf(join(root, folder, 'cpu.max'))
      .trim()
      .split(' ')
      .map(Number);
    if (quotaUs !== undefined && periodUs !== undefined && quotaUs > 0) least = Math.min(least, quotaUs / periodUs);
    if (folder === '/') return least;
  }
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

const bytes = new Uint8Array(128);
let file: number | undefined;

/** Threads that run or want to, this one included, of the whole machine; 0 where that cannot be told. One system call. */
export function runnableThreads(): number {
  try {
    file ??= openSync('/proc/loadavg', 'r');
    const length = readSync(file, bytes, 0, bytes.length, 0);
    return runnableIn(bytes.subarray(0, length));
  } catch {
    return 0;
  }
}

/** Of a line such as `0.20 0.18 0.12 3/411 5102`: the 3. */
export function runnableIn(line: Uint8Array): number {
  const slash = line.indexOf(0x2f);
  let number = 0;
  let factor = 1;
  for (let at = slash - 1; at >= 0 && line[at]! >= 0x30 && line[at]! <= 0x39; at--) {
    number += (line[at]! - 0x30) * factor;
    factor *= 10;
  }
  return number;
}
