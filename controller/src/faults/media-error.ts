/**
 * `mediaError`: the device tells a machine of broken media. QEMU makes the records and raises the interrupts, the guest's kernel reports
 * them; the bytes themselves do not change, and reading them goes on.
 */
import { closeSync, openSync, readSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import { name } from '../config/names.ts';
import { environmentError } from '../errors/cxlpod-error.ts';
import type { Machine } from '../provider/provider.ts';
import { type Fault, type FaultKind, seenToFire } from './fault.ts';
import { laneOfMachine } from './machine-life.ts';
import { scheduled, scheduleOf } from './schedule.ts';

/** What can be injected: QEMU's command with its arguments, and the kernel's trace point that tells of it. */
const kinds = {
  generalMedia: {
    command: 'cxl-inject-general-media-event',
    event: 'cxl_general_media',
    parameters: { ...log('fatal'), descriptor: 1, type: 0, 'transaction-type': 1, channel: 0, rank: 0 },
  },
  dram: {
    command: 'cxl-inject-dram-event',
    event: 'cxl_dram',
    parameters: { ...log('failure'), descriptor: 1, type: 0, 'transaction-type': 1, channel: 0, rank: 0 },
  },
  memoryModule: {
    command: 'cxl-inject-memory-module-event',
    event: 'cxl_memory_module',
    parameters: {
      ...log('warning'),
      ...{ type: 1, 'health-status': 1, 'media-status': 0, 'additional-status': 0, 'life-used': 90, temperature: 50 },
      ...{ 'dirty-shutdown-count': 0, 'corrected-volatile-error-count': 1, 'corrected-persistent-error-count': 0 },
    },
  },
  poison: { command: 'cxl-inject-poison', event: 'cxl_poison', parameters: {} },
} as const;

type Kind = keyof typeof kinds;

const parameters = scheduled({
  machine: name,
  kinds: z
    .array(z.enum(Object.keys(kinds) as [Kind, ...Kind[]]))
    .min(1)
    .default(Object.keys(kinds) as Kind[]),
});

type Parameters = z.output<typeof parameters>;

const device = '/machine/peripheral/device';
const tracing = '/sys/kernel/tracing';
const memdev = '/sys/bus/cxl/devices/mem0';
const toldWithinMs = 30_000;
const lookAgainAfterMs = 100;
/** What the device can call broken, at least. */
const lineBytes = 64;

export const mediaError: FaultKind<Parameters> = { parameters, create };

function create({ machine, kinds: wanted, healAfter, ...when }: Parameters): Fault {
  return {
    kind: 'mediaError',
    sentence: `the device tells ${machine} of broken media: ${wanted.join(', ')}`,
    needs: { machines: [machine], providers: ['qemu'] },
    schedule: scheduleOf(when),
    healAfterMs: healAfter ?? 0,
    lane: laneOfMachine(machine),
    strike: async ({ pod }) => {
      const told = pod.machine(machine).machine;
      await listen(told);
      const before = firstLine(pod.paths.poolFile);
      const known = await poisoned(told);
      for (const kind of wanted) await inject(told, kind, known);
      const heard = await hear(told, wanted);
      const list = await poisoned(told);
      const unchanged = before.equals(firstLine(pod.paths.poolFile));
      return {
        sentence: `the kernel of ${machine} reported ${heard.join(', ')}; the bytes ${unchanged ? 'are as they were' : 'have changed'}`,
        evidence: { machine, heard: heard.join(' '), poisonRecords: list.length, bytesUnchanged: unchanged },
      };
    },
    // A record of poison stays in the device until it boots again: to clear it writes zeros over the line.
    heal: async () => undefined,
    fired: (_, outcome) => seenToFire(outcome),
  };
}

function log(severity: string) {
  return { log: severity, flags: 0, 'sub-type': 0 };
}

/** The kernel tells of events by trace points alone. */
async function listen(machine: Machine): Promise<void> {
  const script = `mountpoint -q ${tracing} || mount -t tracefs tracefs ${tracing}; echo >${tracing}/trace; echo 1 >${tracing}/events/cxl/enable`;
  const { exitCode, stderr } = await machine.exec(['sh', '-c', script]);
  if (exitCode === 0) return;
  throw environmentError('NOT_HEARD', `the events of ${machine.name}'s kernel cannot be listened to`, {
    cause: new Error(stderr),
  });
}

async function inject(machine: Machine, kind: Kind, known: readonly Poison[]): Promise<void> {
  const { command, parameters: fixed } = kinds[kind];
  // The first line of the pool, which never changes once it is formatted; a line that is broken already is refused.
  const dpa = known.reduce((end, { offset, length }) => Math.max(end, offset + length), 0);
  const where = kind === 'poison' ? { start: dpa, length: lineBytes } : kind === 'memoryModule' ? {} : { dpa: 0 };
  await machine.monitor(command, { path: device, ...fixed, ...where });
}

/** Asking for the list of poison is what makes the kernel report it. */
async function hear(machine: Machine, wanted: readonly Kind[]): Promise<readonly string[]> {
  const events = wanted.map((kind) => kinds[kind].event);
  const endMs = performance.now() + toldWithinMs;
  for (;;) {
    const told = await reports(machine);
    const heard = events.filter((event) => told.includes(` ${event}: `));
    if (heard.length === events.length) return heard;
    if (performance.now() > endMs) {
      const silent = events.filter((event) => !heard.includes(event));
      throw environmentError('NOT_HEARD', `the kernel of ${machine.name} did not report ${silent.join(', ')}`);
    }
    await delay(lookAgainAfterMs);
  }
}

interface Poison {
  readonly offset: number;
  readonly length: number;
}

async function poisoned(machine: Machine): Promise<readonly Poison[]> {
  return poisonIn(await reports(machine));
}

/**
 * Of all that the kernel has reported since `listen`, the list of poison that it now asks the device for included. `cxl list --media-errors` tells
 * the same, after it has read the format of every event that the kernel knows: twenty seconds on an emulated CPU.
 */
async function reports(machine: Machine): Promise<string> {
  const script = `echo 1 >${memdev}/trigger_poison_list && cat ${tracing}/trace`;
  const { exitCode, stdout, stderr } = await machine.exec(['sh', '-c', script]);
  if (exitCode === 0) return stdout;
  throw environmentError('NOT_HEARD', `the device of ${machine.name} was not asked for its poison`, { cause: new Error(stderr) });
}

/** As the kernel's trace tells it; a record that was listed several times is one. */
export function poisonIn(trace: string): readonly Poison[] {
  const records = [...trace.matchAll(/ cxl_poison: .*?\bdpa=(0x[0-9a-f]+) dpa_length=(0x[0-9a-f]+)/g)];
  const byOffset = new Map(records.map(([, offset, length]) => [Number(offset), Number(length)]));
  return [...byOffset].map(([offset, length]) => ({ offset, length }));
}

function firstLine(poolFile: string): Buffer {
  const line = Buffer.alloc(lineBytes);
  const file = openSync(poolFile, 'r');
  try {
    readSync(file, line, 0, lineBytes, 0);
    return line;
  } finally {
    closeSync(file);
  }
}
