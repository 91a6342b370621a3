/**
 * What holds a worker and everything it may start, so that its end can be enforced and *seen* (design D7). A cgroup v2 holds
 * all descendants; where none can be made, a process group does, and for those that leave it a mark in their environment.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as after } from 'node:timers/promises';
import { killMarked, markedProcesses } from '../worker/fence-mark.ts';
import { hasLivingMember } from './process-state.ts';

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
  /** `name`: like no other's of this host that may still hold something, also of earlier agents. What is inside carries it as `fenceMark`. */
  make(name: string): Fence;
  /** One that an earlier agent made, around the process `leader`: null for one that is gone, whose number may be another's. */
  find(name: string, leader: number | null): Fence;
  /** The names of all that there are. */
  names(): readonly string[];
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
    const probe = CgroupFence.make(join(cgroupFolder, `probe-${process.pid}`));
    const usable = existsSync(join(probe.folder, 'cgroup.kill'));
    probe.remove();
    if (!usable) return processGroups(`${cgroupFolder} is not a cgroup v2 folder with cgroup.kill`);
  } catch (error) {
    return processGroups(`no cgroup can be made in ${cgroupFolder}: ${(error as Error).message}`);
  }
  return {
    kind: 'cgroup',
    reason: null,
    make: (name) => CgroupFence.make(join(cgroupFolder, name)),
    find: (name) => new CgroupFence(join(cgroupFolder, name)),
    names: () => {
      const entries = readdirSync(cgroupFolder, { withFileTypes: true });
      return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
    },
    close: () => {
      if (made) removeFolder(cgroupFolder);
    },
  };
}

function processGroups(reason: string): FenceMaker {
  return {
    kind: 'process-group',
    reason,
    make: (name) => new ProcessGroupFence(name, null),
    find: (name, leader) => new ProcessGroupFence(name, leader),
    names: () => [],
    close: () => {},
  };
}

class CgroupFence implements Fence {
  readonly folder: string;

  static make(folder: string): CgroupFence {
    // Of an earlier process with our number. Only an empty one can be removed.
    removeFolder(folder);
    mkdirSync(folder);
    return new CgroupFence(folder);
  }

  constructor(folder: string) {
    this.folder = folder;
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
  readonly #name: string;
  /** The worker leads a group of its own, so its pid names the group. */
  #group: number | null;

  constructor(name: string, group: number | null) {
    this.#name = name;
    this.#group = group;
  }

  admit(pid: number): void {
    this.#group = pid;
  }

  kill(): void {
    this.#signal('SIGKILL');
    killMarked(this.#name);
  }

  isEmpty(): boolean {
    if (this.#signal(0) && hasLivingMember(this.#group!)) return false;
    return markedProcesses(this.#name).length === 0;
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

function removeFolder(folder: string): void {
  try {
    rmdirSync(folder);
  } catch {
    // Busy for a moment after its last process died, or gone: an empty cgroup does no harm, and the next agent may remove it.
  }
}
