/**
 * What holds a worker and everything it may start, so that its end can be enforced and *seen* (design D7). A cgroup v2 holds
 * all descendants; where none can be made, a process group holds those that do not leave it, and a worker starts none.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as after } from 'node:timers/promises';

export interface Fence {
  /** Must be done before the process maps anything. */
  admit(pid: number): void;
  /** Asks the kernel to kill all that is inside. */
  kill(): void;
  /** Nothing is inside any more. */
  isEmpty(): boolean;
  remove(): void;
}

export interface FenceMaker {
  readonly kind: 'cgroup' | 'process-group';
  /** Why not a cgroup; null if it is one. */
  readonly reason: string | null;
  make(name: string): Fence;
  /** Removes what `make` needed. */
  close(): void;
}

/** Waits until the fence is empty; false when it is not within the limit. Never rejects: what cannot be looked at is not seen. */
export async function seenEmpty(fence: Fence, timeoutMs: number, pollMs = 5): Promise<boolean> {
  const deadline = performance.now() + timeoutMs;
  while (!looksEmpty(fence)) {
    if (performance.now() > deadline) return false;
    await after(pollMs);
  }
  return true;
}

function looksEmpty(fence: Fence): boolean {
  try {
    return fence.isEmpty();
  } catch {
    return false;
  }
}

export function fenceMaker(cgroupFolder: string | null): FenceMaker {
  if (cgroupFolder === null) return processGroups('no --cgroup was given');
  const made = !existsSync(cgroupFolder);
  try {
    // Not recursive: under /proc that never returns (Node 20 takes the kernel's ENOENT for a missing parent, again and again).
    if (made) mkdirSync(cgroupFolder);
    const probe = new CgroupFence(join(cgroupFolder, `probe-${process.pid}`));
    const usable = existsSync(join(probe.folder, 'cgroup.kill'));
    probe.remove();
    if (!usable) return processGroups(`${cgroupFolder} is not a cgroup v2 folder with cgroup.kill`);
  } catch (error) {
    return processGroups(`no cgroup can be made in ${cgroupFolder}: ${(error as Error).message}`);
  }
  return {
    kind: 'cgroup',
    reason: null,
    // An agent that was killed left its folders, perhaps with somebody still dying inside: its successor's have other names.
    make: (name) => new CgroupFence(join(cgroupFolder, `${process.pid}-${name}`)),
    close: () => {
      if (made) removeFolder(cgroupFolder);
    },
  };
}

function processGroups(reason: string): FenceMaker {
  return { kind: 'process-group', reason, make: () => new ProcessGroupFence(), close: () => {} };
}

class CgroupFence implements Fence {
  readonly folder: string;

  constructor(folder: string) {
    this.folder = folder;
    // Of an earlier process with our number. Only an empty one can be removed.
    removeFolder(folder);
    mkdirSync(folder);
  }

  admit(pid: number): void {
    writeFileSync(join(this.folder, 'cgroup.procs'), String(pid));
  }

  kill(): void {
    if (existsSync(this.folder)) writeFileSync(join(this.folder, 'cgroup.kill'), '1');
  }

  /** A folder that is gone was empty: no other can be removed. */
  isEmpty(): boolean {
    if (!existsSync(this.folder)) return true;
    return /^populated 0$/m.test(readFileSync(join(this.folder, 'cgroup.events'), 'utf8'));
  }

  remove(): void {
    removeFolder(this.folder);
  }
}

class ProcessGroupFence implements Fence {
  /** The worker leads a group of its own, so its pid names the group. */
  #group: number | null = null;

  admit(pid: number): void {
    this.#group = pid;
  }

  kill(): void {
    this.#signal('SIGKILL');
  }

  isEmpty(): boolean {
    return !this.#signal(0) || !hasLivingMember(this.#group!);
  }

  remove(): void {}

  /** False when there is no such group. */
  #signal(signal: 'SIGKILL' | 0): boolean {
    if (this.#group === null) return false;
    try {
      return process.kill(-this.#group, signal);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
      throw error;
    }
  }
}

/**
 * A dead process stays in its group until its parent has taken notice of it, and an orphan's may be slow at that. It maps nothing
 * any more once it is a zombie *and* its last thread is gone.
 */
function hasLivingMember(group: number): boolean {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .some((pid) => {
      try {
        // pid (name) state parent group ...; a name may hold anything, also a parenthesis.
        const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').replace(/^.*\)/s, '').trim().split(' ');
        if (Number(fields[2]) !== group) return false;
        return fields[0] !== 'Z' || readdirSync(`/proc/${pid}/task`).length > 1;
      } catch {
        return false;
      }
    });
}

function removeFolder(folder: string): void {
  try {
    rmdirSync(folder);
  } catch {
    // Busy for a moment after its last process died, or gone: an empty cgroup does no harm, and the next agent may remove it.
  }
}
