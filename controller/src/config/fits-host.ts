/** Whether this host can carry a topology: asked before anything is created, since running out later looks like something else. */
import { existsSync, readFileSync, statfsSync } from 'node:fs';
import { usageError } from '../errors/cxlpod-error.ts';
import { printSize } from './quantities.ts';
import type { Topology } from './topology.ts';

export interface HostMemory {
  readonly availableBytes: number;
  /** Free space of the tmpfs that holds pool and history. */
  readonly tmpfsFreeBytes: number;
  /** What it holds already. */
  readonly tmpfsUsedBytes: number;
}

const mebibyte = 1024 ** 2;
/** QEMU itself and its container, beside the guest's memory and the translation cache; the processes of a machine of provider local. */
const overheadPerMachineBytes = { qemu: 48 * mebibyte, local: 80 * mebibyte } as const;

export const tmpfsFolder = '/dev/shm';
/** A folder in it for each pod. */
export const sharedFilesFolder = `${tmpfsFolder}/cxlpod`;

export function readHostMemory(): HostMemory {
  const kibibytes = /^MemAvailable:\s+(\d+) kB$/m.exec(readFileSync('/proc/meminfo', 'utf8'))?.[1];
  // In a container /dev/shm is the container's own, and only our folder in it is the host's.
  const { bavail, blocks, bsize } = statfsSync(existsSync(sharedFilesFolder) ? sharedFilesFolder : tmpfsFolder);
  return { availableBytes: Number(kibibytes) * 1024, tmpfsFreeBytes: bavail * bsize, tmpfsUsedBytes: (blocks - bavail) * bsize };
}

/** Throws a usage error with the arithmetic when the topology needs more than there is. */
export function requireFits(topology: Topology, host: HostMemory): void {
  const shared = topology.pool.sizeBytes + topology.history.sizeBytes;
  if (shared > host.tmpfsFreeBytes) {
    throw usageError('TMPFS_TOO_SMALL', `pool and history of ${topology.name} do not fit in ${tmpfsFolder}`, {
      cause: new Error(`they need ${inMebibytes(shared)}, and ${inMebibytes(host.tmpfsFreeBytes)} are free`),
      hint: `sudo mount -o remount,size=${Math.ceil((host.tmpfsUsedBytes + shared * 1.25) / mebibyte)}m ${tmpfsFolder}, or a smaller pool.size`,
    });
  }
  const each = overheadPerMachineBytes[topology.provider] + (topology.provider === 'qemu' ? ofEachGuest(topology) : 0);
  const needed = topology.machines.length * each + shared;
  if (needed > host.availableBytes) {
    throw usageError('MEMORY_TOO_SMALL', `${topology.name} needs more memory than this host has`, {
      cause: new Error(
        `${topology.machines.length} x ${inMebibytes(each)} + pool and history ${inMebibytes(shared)} = ${inMebibytes(needed)}, ` +
          `and ${inMebibytes(host.availableBytes)} are available`,
      ),
      hint: lessThan(topology),
    });
  }
}

/** Machines of provider local have no memory of their own. */
function lessThan({ provider, machine, pool }: Topology): string {
  const smaller = [
    ...(provider === 'qemu'
      ? [
          `machine.memory: ${printSize(machine.memoryBytes)}`,
          `machine.translationCache: ${printSize(machine.translationCacheBytes)}`,
        ]
      : []),
    `pool.size: ${printSize(pool.sizeBytes)}`,
  ];
  return `fewer machines, or less than ${smaller.join(', ')}; or take down another pod (cxlpod doctor names them)`;
}

function ofEachGuest({ machine }: Topology): number {
  return machine.memoryBytes + machine.translationCacheBytes;
}

function inMebibytes(bytes: number): string {
  return `${Math.ceil(bytes / mebibyte)} MiB`;
}
