/** A topology: what a pod is made of. Written as YAML, with every key but `name` optional. */
import { z } from 'zod';
import { checkHeap, heapSchema, resolveHeap } from './heap.ts';
import { name } from './names.ts';
import { type Provider, providers } from './providers.ts';
import { duration, size } from './quantities.ts';

const mebibyte = 1024 ** 2;

/** QEMU's CXL decoders and the guest driver both work in multiples of it; other sizes bind nothing (design D1). */
export const poolGranuleBytes = 256 * mebibyte;

/**
 * A worker maps the pool into one WebAssembly memory of 4 GiB; the last granule of that address space is left for what a worker
 * keeps beside the pool.
 */
export const poolLimitBytes = 4096 * mebibyte - poolGranuleBytes;

/** One machine shares with nobody, so nothing could be proved about its pod; the gate's region has lines for 16. */
const machineMinimum = 2;
const machineLimit = 16;

/** What a processor's MTRRs say of the device's addresses. */
export const memoryTypes = ['write-back', 'uncacheable', 'write-combining'] as const;
export type MemoryType = (typeof memoryTypes)[number];

const machineNames = z.union([
  z.number().int().min(machineMinimum).max(machineLimit),
  z.array(name).min(machineMinimum).max(machineLimit),
]);

export const topologySchema = z
  .strictObject({
    name,
    provider: z.enum(providers).default('qemu'),
    /** How many (they are called vm1, vm2, ...), or their names. */
    machines: machineNames.default(2),
    /** Those of them that `up` does not start: the fault `joinMachine` does, while a workload runs. */
    joinLater: z.array(name).default([]),
    pool: z.strictObject({ size: size.default(poolGranuleBytes), heap: heapSchema.prefault({}) }).prefault({}),
    history: z.strictObject({ size: size.default(16 * mebibyte) }).prefault({}),
    /** Null: as the firmware left it, which is write-back. */
    device: z.strictObject({ memoryType: z.enum(memoryTypes).nullable().default(null) }).prefault({}),
    machine: z
      .strictObject({
        /** Node alone is 120 MiB of it. With 256 MiB a third process read its pages from the disk again and again, and never came to an end. */
        memory: size.default(384 * mebibyte),
        cpus: z.number().int().min(1).max(64).default(1),
        /** With 1 under TCG, QEMU emits code whose atomics are atomic inside the machine only. */
        maxCpus: z.number().int().min(1).max(64).default(2),
        /**
         * What QEMU keeps of translated code under TCG. All that a machine runs fills 300 MiB; a smaller cache is emptied each time it is full,
         * and all is translated again: images/README.md, *Sizes*.
         */
        translationCache: size.default(112 * mebibyte),
      })
      .prefault({}),
    accelerator: z.enum(['auto', 'kvm', 'tcg']).default('auto'),
    /** An uncompressed x86-64 Linux with CXL on this host, instead of the image's own; relative to the topology file. */
    kernel: z.string().min(1).nullable().default(null),
    /** Appended to QEMU's command line as they are. */
    qemuArguments: z.array(z.string().min(1)).default([]),
    /** Debian packages added to the guest's root image. */
    guestPackages: z.array(z.string().regex(/^[a-z0-9][a-z0-9+.-]+$/, 'must be the name of a Debian package')).default([]),
    timeouts: z
      .strictObject({
        boot: duration.default(120_000),
        /**
         * A console that says nothing for so long during boot is taken for dead, and its machine started once more. A quiet kernel
         * says nothing for all of a boot, which takes 6 s on idle cores and several times that on busy ones.
         */
        consoleSilence: duration.default(45_000),
        agent: duration.default(60_000),
        gate: duration.default(60_000),
      })
      .prefault({}),
  })
  .superRefine((topology, context) => {
    const refuse = (path: string[], message: string): void => context.addIssue({ code: 'custom', path, message });
    if (topology.pool.size % poolGranuleBytes !== 0) refuse(['pool', 'size'], 'must be a multiple of 256MiB');
    if (topology.pool.size > poolLimitBytes)
      refuse(['pool', 'size'], 'must be at most 3840MiB (a worker maps it in 32-bit Wasm)');
    checkHeap(topology.pool.heap, topology.pool.size, (key, message) => refuse(['pool', 'heap', key], message));
    if (!isPowerOfTwo(topology.history.size)) refuse(['history', 'size'], 'must be a power of two (it is a PCI memory bar)');
    if (topology.history.size < mebibyte) refuse(['history', 'size'], 'must be at least 1MiB');
    if (topology.history.size > 1024 * mebibyte) refuse(['history', 'size'], 'must be at most 1GiB');
    if (topology.machine.memory < 192 * mebibyte) refuse(['machine', 'memory'], 'must be at least 192MiB to boot');
    if (topology.machine.translationCache < 32 * mebibyte || topology.machine.translationCache > 2048 * mebibyte)
      refuse(['machine', 'translationCache'], 'must be 32MiB to 2GiB');
    const names = Array.isArray(topology.machines) ? topology.machines : numbered(topology.machines);
    const unknown = topology.joinLater.find((later) => !names.includes(later));
    if (unknown !== undefined) refuse(['joinLater'], `${unknown} is not one of the machines, which are ${names.join(', ')}`);
    if (names.length - new Set(topology.joinLater).size < machineMinimum) {
      refuse(['joinLater'], `must leave ${machineMinimum} machines to begin with`);
    }
    if (topology.machine.maxCpus < topology.machine.cpus) refuse(['machine', 'maxCpus'], 'must not be less than machine.cpus');
    if (topology.provider === 'local' && topology.device.memoryType !== null)
      refuse(['device', 'memoryType'], 'needs machines of their own: provider qemu');
    const { machines } = topology;
    if (Array.isArray(machines) && new Set(machines).size !== machines.length) refuse(['machines'], 'must be different names');
  })
  .transform(resolve);

/** A topology with every default filled in and every quantity in its base unit. */
export type Topology = ReturnType<typeof resolve>;

function resolve(source: TopologySource) {
  const { machines, pool, history, machine, timeouts } = source;
  return {
    name: source.name,
    provider: source.provider,
    machines: (Array.isArray(machines) ? machines : numbered(machines)) as readonly string[],
    joinLater: source.joinLater as readonly string[],
    pool: { sizeBytes: pool.size, heap: resolveHeap(pool.heap) },
    history: { sizeBytes: history.size },
    device: source.device as { readonly memoryType: MemoryType | null },
    machine: {
      memoryBytes: machine.memory,
      cpus: machine.cpus,
      maxCpus: machine.maxCpus,
      translationCacheBytes: machine.translationCache,
    },
    accelerator: source.accelerator,
    kernel: source.kernel,
    qemuArguments: source.qemuArguments as readonly string[],
    guestPackages: source.guestPackages as readonly string[],
    timeouts: {
      bootMs: timeouts.boot,
      consoleSilenceMs: timeouts.consoleSilence,
      agentMs: timeouts.agent,
      gateMs: timeouts.gate,
    },
  } as const;
}

interface TopologySource {
  readonly name: string;
  readonly provider: Provider;
  readonly machines: number | string[];
  readonly joinLater: string[];
  readonly pool: { readonly size: number; readonly heap: z.output<typeof heapSchema> };
  readonly history: { readonly size: number };
  readonly device: { readonly memoryType: MemoryType | null };
  readonly machine: {
    readonly memory: number;
    readonly cpus: number;
    readonly maxCpus: number;
    readonly translationCache: number;
  };
  readonly accelerator: 'auto' | 'kvm' | 'tcg';
  readonly kernel: string | null;
  readonly qemuArguments: string[];
  readonly guestPackages: string[];
  readonly timeouts: { readonly boot: number; readonly consoleSilence: number; readonly agent: number; readonly gate: number };
}

function numbered(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `vm${index + 1}`);
}

function isPowerOfTwo(value: number): boolean {
  return Number.isInteger(Math.log2(value));
}
