/**
 * The memory type of a machine's device, set by the MTRRs of its guest before anything maps the pool. `/proc/mtrr` is what the paper uses for
 * sharing that no cache gets between; what was asked for counts only once the guest says so itself.
 */
import type { MemoryType } from '../config/topology.ts';
import { type CxlpodError, environmentError } from '../errors/cxlpod-error.ts';
import type { Environment, Machine } from '../provider/provider.ts';

export interface MemoryTypeReport {
  readonly type: MemoryType;
  /** By machine: the registers over its device, as the guest shows them. */
  readonly registers: Readonly<Record<string, readonly string[]>>;
}

/** As the kernel spells them. */
const spelt: Readonly<Record<MemoryType, string>> = {
  'write-back': 'write-back',
  uncacheable: 'uncachable',
  'write-combining': 'write-combining',
};

export interface AddressRange {
  readonly base: number;
  readonly sizeBytes: number;
}

export interface Register extends AddressRange {
  readonly type: string;
  /** The line of /proc/mtrr. */
  readonly text: string;
}

/** Sets the type, reads it back, and returns the registers that say so. Throws MEMORY_TYPE_NOT_SET. */
export async function setMemoryType(machine: Machine, type: MemoryType): Promise<readonly string[]> {
  const device = await readDevice(machine, type);
  const pieces = naturalPieces(device.range);
  const wanted = pieces.filter((piece) => !device.registers.some((each) => isSame(each, piece) && each.type === spelt[type]));
  const lines = wanted.map(({ base, sizeBytes }) => `base=${hex(base)} size=${hex(sizeBytes)} type=${spelt[type]}`);
  // A write each: the kernel takes one line at a time.
  const script = `${lines.map((line) => `echo '${line}' >/proc/mtrr || exit 1; `).join('')}cat /proc/mtrr`;
  const { exitCode, stdout, stderr } = await machine.exec(['sh', '-c', script]);
  if (exitCode !== 0) throw notSet(machine, type, `the guest's kernel refuses a register: ${stderr.trim()}`);
  const over = overlapping(parseRegisters(stdout), device.range);
  const problem = whyNot(over, pieces, type);
  if (problem !== null) throw notSet(machine, type, problem);
  return over.map(({ text }) => text);
}

interface Device {
  readonly range: AddressRange;
  readonly registers: readonly Register[];
}

async function readDevice(machine: Machine, type: MemoryType): Promise<Device> {
  const script = `cd /sys/bus/dax/devices/$(basename $(readlink -f ${machine.poolPath})) && cat resource size && cat /proc/mtrr`;
  const { exitCode, stdout, stderr } = await machine.exec(['sh', '-c', script]);
  const [base, size] = stdout.split('\n').map(Number);
  if (exitCode !== 0 || !isRange(base) || !isRange(size)) {
    throw notSet(machine, type, stderr.trim() || `the guest says of its device only: ${stdout.trim()}`);
  }
  return { range: { base, sizeBytes: size }, registers: parseRegisters(stdout) };
}

function isRange(value: number | undefined): value is number {
  return value !== undefined && Number.isSafeInteger(value) && value > 0;
}

function notSet({ name }: Machine, type: MemoryType, because: string): CxlpodError {
  return environmentError('MEMORY_TYPE_NOT_SET', `the device of ${name} cannot be made ${type}`, {
    cause: new Error(because),
    hint: 'a guest kernel with CONFIG_MTRR on a CPU that has MTRRs and one free for each power of two; or a topology without device.memoryType',
  });
}

/** A register covers a power of two that starts at a multiple of itself. */
export function naturalPieces({ base, sizeBytes }: AddressRange): readonly AddressRange[] {
  const pieces: AddressRange[] = [];
  for (let at = base, left = sizeBytes; left > 0; ) {
    const largest = 2 ** Math.floor(Math.log2(left));
    let piece = largest;
    while (at % piece !== 0) piece /= 2;
    pieces.push({ base: at, sizeBytes: piece });
    at += piece;
    left -= piece;
  }
  return pieces;
}

const unitBytes: Readonly<Record<string, number>> = { KB: 2 ** 10, MB: 2 ** 20, GB: 2 ** 30 };

/** Of /proc/mtrr; other lines are passed over, and so is all that a guest could smuggle into one. */
export function parseRegisters(text: string): readonly Register[] {
  return [...text.matchAll(/^reg\d+: base=(0x[0-9a-f]+) \( *\d+MB\), size= *(\d+)(KB|MB|GB), count=\d+: ([a-z-]+)$/gm)].map(
    ([line, base, size, unit, type]) => ({
      base: Number(base),
      sizeBytes: Number(size) * unitBytes[unit!]!,
      type: type!,
      text: line,
    }),
  );
}

function overlapping(registers: readonly Register[], { base, sizeBytes }: AddressRange): readonly Register[] {
  return registers.filter((each) => each.base < base + sizeBytes && base < each.base + each.sizeBytes);
}

function isSame(a: AddressRange, b: AddressRange): boolean {
  return a.base === b.base && a.sizeBytes === b.sizeBytes;
}

/** Null when the registers over the device are those that are wanted, and no other. Of two types over one address few pairs mean anything. */
export function whyNot(over: readonly Register[], pieces: readonly AddressRange[], type: MemoryType): string | null {
  const other = over.find((each) => each.type !== spelt[type]);
  if (other !== undefined) return `another register is over it: ${other.text}`;
  const missing = pieces.find((piece) => !over.some((each) => isSame(each, piece)));
  return missing === undefined ? null : `the guest shows no register for ${hex(missing.sizeBytes)} bytes at ${hex(missing.base)}`;
}

function hex(value: number): string {
  return `0x${value.toString(16)}`;
}

/** What a type is worth where it is set; for every place that shows it. */
export function effectOf(accelerator: Environment['accelerator']): string {
  return accelerator === 'tcg'
    ? 'TCG gives memory types no effect: configuration only.'
    : 'KVM maps the memory of a guest write-back, whatever its MTRRs say: configuration only.';
}
