/**
 * The litmus tests of memory-model.md: what is allowed must be seen, what is forbidden must not be, in everything that is possible.
 * They say what the simulated caches are, so that a test of the core on them says something about machines.
 */
import { describe, expect, test } from 'vitest';
import type { DeviceProfile } from './memory/cached-memory.ts';
import { type LitmusThread, outcomesOf } from './memory/litmus.ts';
import type { MachineCrash } from './memory-profile.ts';

type Profile = DeviceProfile['name'];

interface Row {
  readonly what: string;
  readonly threads: readonly LitmusThread[];
  /** Of the registers; after a bar of the device, when all has arrived. */
  readonly outcome: string;
  readonly allowed: Partial<Readonly<Record<Profile, boolean>>>;
  readonly crash?: MachineCrash;
}

const on = (machine: number, program: string): LitmusThread => ({ machine, program });

/** A writer with flushes, and a reader that invalidates before each read: each step by its name, so that rows can leave one out. */
const writer = { store: 'x=1', writeBack: 'clwb x', fence: 'sfence', flag: 'f=1; clwb f' };
const reader = { flag: 'clflushopt f; mfence; r=f', invalidate: 'clflushopt x', fence: 'mfence', read: 's=x' };

function flushing(without?: keyof typeof writer | `reader's ${keyof typeof reader}`): readonly LitmusThread[] {
  const writes = Object.entries(writer).filter(([step]) => step !== without);
  const reads = Object.entries(reader).filter(([step]) => `reader's ${step}` !== without);
  return [on(1, writes.map(([, text]) => text).join('; ')), on(2, reads.map(([, text]) => text).join('; '))];
}

const rows: readonly Row[] = [
  {
    what: 'message passing between machines',
    threads: [on(1, 'x=1; f=1'), on(2, 'r=f; s=x')],
    outcome: 'r=1 s=0',
    allowed: { COH: false, NC: true, 'NC+NM': true, UC: false },
  },
  {
    what: 'message passing on one machine',
    threads: [on(1, 'x=1; f=1'), on(1, 'r=f; s=x')],
    outcome: 'r=1 s=0',
    allowed: { COH: false, NC: false, 'NC+NM': false, UC: false },
  },
  {
    what: 'message passing with flushes',
    threads: flushing(),
    outcome: 'r=1 s=0',
    allowed: { COH: false, NC: false, 'NC+NM': false },
  },
  ...(['writeBack', 'fence', "reader's invalidate", "reader's fence"] as const).map((step) => ({
    what: `message passing with flushes, without the ${step}`,
    threads: flushing(step),
    outcome: 'r=1 s=0',
    allowed: { COH: false, NC: true, 'NC+NM': true },
  })),
  {
    what: 'clflush and lfence before a load',
    threads: [on(1, 'x=1; clwb x; mfence'), on(2, 'r=x; after 0; clflush x; lfence; s=x')],
    outcome: 'r=0 s=0',
    allowed: { COH: false, NC: true },
  },
  {
    what: 'clflush and mfence before a load',
    threads: [on(1, 'x=1; clwb x; mfence'), on(2, 'r=x; after 0; clflush x; mfence; s=x')],
    outcome: 'r=0 s=0',
    allowed: { COH: false, NC: false },
  },
  {
    what: 'clwb and mfence before a load: a write-back is no invalidation',
    threads: [on(1, 'x=1; clwb x; mfence'), on(2, 'r=x; after 0; clwb x; mfence; s=x')],
    outcome: 'r=0 s=0',
    allowed: { COH: false, NC: true },
  },
  {
    what: 'invalidate before the flag is seen',
    threads: [on(1, 'x=1; clwb x; sfence; f=1; clwb f'), on(2, 'clflushopt x; clflushopt f; mfence; r=f; s=x')],
    outcome: 'r=1 s=0',
    allowed: { COH: false, NC: true },
  },
  {
    what: 'store buffering without mfence',
    threads: [on(1, 'x=1; r=y'), on(2, 'y=1; s=x')],
    outcome: 'r=0 s=0',
    allowed: { COH: true, NC: true, UC: false },
  },
  {
    what: 'store buffering with mfence, between machines',
    threads: [on(1, 'x=1; mfence; r=y'), on(2, 'y=1; mfence; s=x')],
    outcome: 'r=0 s=0',
    allowed: { COH: false, NC: true, UC: false },
  },
  {
    what: 'store buffering with mfence, on one machine',
    threads: [on(1, 'x=1; mfence; r=y'), on(1, 'y=1; mfence; s=x')],
    outcome: 'r=0 s=0',
    allowed: { COH: false, NC: false, UC: false },
  },
  {
    what: 'store buffering with stores by xchg, between machines',
    threads: [on(1, 'xchg x=1; r=y'), on(2, 'xchg y=1; s=x')],
    outcome: 'r=0 s=0',
    allowed: { COH: false, NC: true },
  },
  ...(['xchg f=1', 't=cas f 0 1'] as const).map((publication) => ({
    what: `message passing with the flag by ${publication}`,
    threads: [on(1, `x=1; ${publication}`), on(2, 'r=f; s=x')],
    outcome: publication === 'xchg f=1' ? 'r=1 s=0' : 'r=1 s=0 t=0',
    allowed: { COH: false, NC: true },
  })),
  {
    what: 'two machines swap one word, both win',
    threads: [on(1, 'r=cas x 0 1'), on(2, 's=cas x 0 2')],
    outcome: 'r=0 s=0',
    allowed: { COH: false, NC: true, 'NC+NM': false, UC: true },
  },
  {
    what: 'two clients of one machine swap one word, both win',
    threads: [on(1, 'r=cas x 0 1'), on(1, 's=cas x 0 2')],
    outcome: 'r=0 s=0',
    allowed: { COH: false, NC: false, 'NC+NM': false, UC: true },
  },
  {
    what: 'two machines write two words of one line and flush, one is lost',
    threads: [on(1, 'x=1; clwb x; mfence'), on(2, 'x2=1; clwb x2; mfence')],
    outcome: ' | x=0 x2=1',
    allowed: { COH: false, NC: true, UC: false },
  },
  {
    what: 'the later of two stores survives a power-off alone',
    threads: [on(1, 'x=1; y=1'), on(2, 'crash 1; r=x; s=y')],
    outcome: 'r=0 s=1',
    allowed: { COH: true, NC: true },
  },
  {
    what: 'the later of two stores survives a power-off alone, though the first was written back and fenced',
    // The survivor's own copy may be old: whether the store is lost, the device says.
    threads: [on(1, 'x=1; clwb x; sfence; y=1'), on(2, 'crash 1; clflushopt x; mfence; r=x; s=y')],
    outcome: 'r=0 s=1',
    allowed: { COH: false, NC: false },
  },
  {
    what: 'the later of two stores survives a power-off alone, though the first was written back, without the fence',
    threads: [on(1, 'x=1; clwb x; y=1'), on(2, 'crash 1; r=x; s=y')],
    outcome: 'r=0 s=1',
    allowed: { COH: true, NC: true },
  },
  {
    what: 'the later of two stores survives a power-off alone, though the first was flushed by clflush, without a fence',
    threads: [on(1, 'x=1; clflush x; y=1'), on(2, 'crash 1; clflushopt x; mfence; r=x; s=y')],
    outcome: 'r=0 s=1',
    allowed: { COH: false, NC: false },
  },
  {
    what: 'the later of two stores survives a power-off alone, though the first was flushed by clflushopt, without a fence',
    threads: [on(1, 'x=1; clflushopt x; y=1'), on(2, 'crash 1; clflushopt x; mfence; r=x; s=y')],
    outcome: 'r=0 s=1',
    allowed: { COH: true, NC: true },
  },
  {
    what: 'a non-temporal store overtakes an older store to its line',
    threads: [on(1, 'x=1; nt x=2; mfence'), on(2, 'r=y')],
    outcome: ' | x=1 x2=0',
    allowed: { COH: false, NC: false },
  },
  {
    what: 'a store overtakes an older non-temporal store to its line',
    threads: [on(1, 'nt x=1; x=2; mfence'), on(2, 'r=y')],
    outcome: ' | x=1 x2=0',
    allowed: { COH: false, NC: false },
  },
  {
    what: 'a client reads its own store',
    threads: [on(1, 'x=1; r=x'), on(2, 's=y')],
    outcome: 'r=0 s=0',
    allowed: { COH: false, NC: false, UC: false },
  },
  {
    what: 'the later of two stores survives a power-off alone, with a global persistent flush',
    threads: [on(1, 'x=1; y=1'), on(2, 'crash 1; r=x; s=y')],
    outcome: 'r=0 s=1',
    allowed: { COH: false },
    crash: { persistsCaches: true },
  },
  {
    what: 'the later of two stores survives a SIGKILL alone, in the same machine',
    threads: [on(1, 'x=1; y=1'), on(1, 'kill 0; s=y; r=x')],
    outcome: 'r=0 s=1',
    allowed: { COH: false, NC: false },
  },
  {
    what: 'the later of two stores survives a SIGKILL alone, in another machine',
    threads: [on(1, 'x=1; y=1'), on(2, 'kill 0; s=y; r=x')],
    outcome: 'r=0 s=1',
    // On a device that is not coherent this is message passing without flushes; the store is late, not lost: see the next row.
    allowed: { COH: false, NC: true },
  },
  {
    what: 'the later of two stores survives a SIGKILL alone, on the device in the end',
    threads: [on(1, 'x=1; y=1'), on(2, 'kill 0')],
    outcome: ' | x=0 x2=0 y=1',
    allowed: { COH: false, NC: false },
  },
  {
    what: 'a survivor reads a store, its machine dies, and the survivor reads the old value',
    threads: [on(1, 'x=1'), on(2, 'r=x; crash 1; s=x')],
    outcome: 'r=1 s=0',
    // Between two machines never: the survivor can only have read what the device had. A bystander's old line brings it back.
    allowed: { COH: false, NC: false },
  },
  {
    what: 'the same, with a third machine that writes another word of the line',
    threads: [on(1, 'x=1'), on(2, 'r=x; crash 1; s=x'), on(3, 'x2=1')],
    outcome: 'r=1 s=0',
    allowed: { COH: false, NC: true },
  },
  {
    what: 'a non-temporal store without sfence is overtaken',
    threads: [on(1, 'nt x=1; f=1; clwb f'), on(2, 'r=f; s=x')],
    outcome: 'r=1 s=0',
    allowed: { COH: true, NC: true },
  },
  {
    what: 'a non-temporal store with sfence is overtaken, by a reader that has an old copy',
    threads: [on(1, 'nt x=1; sfence; f=1; clwb f'), on(2, 'r=f; s=x')],
    outcome: 'r=1 s=0',
    allowed: { COH: false, NC: true },
  },
  {
    what: 'a non-temporal store with sfence is overtaken, by a reader that invalidates',
    threads: [on(1, 'nt x=1; sfence; f=1; clwb f'), on(2, 'clflushopt f; mfence; r=f; clflushopt x; mfence; s=x')],
    outcome: 'r=1 s=0',
    allowed: { COH: false, NC: false },
  },
  {
    what: "a dead worker's machine evicts an old line over what recovery wrote",
    threads: [on(1, 'x=1'), on(2, 'kill 0; after 0; x=2; clwb x; mfence')],
    outcome: ' | x=1 x2=0',
    allowed: { COH: false, NC: true },
  },
  {
    what: "the same, after that machine flushed the dead one's lines",
    threads: [on(1, 'x=1'), on(1, 'kill 0; after 0; clflush x; mfence'), on(2, 'after 1; x=2; clwb x; mfence')],
    outcome: ' | x=1 x2=0',
    allowed: { COH: false, NC: false },
  },
  {
    what: 'a line lost by a power-off faults',
    threads: [on(1, 'x=1'), on(2, 'crash 1; r=x')],
    outcome: 'r=fault',
    allowed: { COH: true },
    crash: { poisonsLostLines: true },
  },
  {
    what: 'a line lost by a power-off reads as old where lines that are lost fault',
    threads: [on(1, 'x=1; mfence; clwb x; mfence; x=2; mfence'), on(2, 'after 0; crash 1; r=x')],
    outcome: 'r=1',
    allowed: { COH: false },
    crash: { poisonsLostLines: true },
  },
];

describe.each(rows)('$what', ({ threads, outcome, allowed, crash }) => {
  test.each(Object.entries(allowed) as readonly [Profile, boolean][])('%s: allowed is %s', (profile, isAllowed) => {
    const { registers, final } = outcomesOf({ profile, threads, ...(crash === undefined ? {} : { crash }) });
    const seen = outcome.includes('|') ? [...final].some((each) => each.includes(outcome)) : registers.has(outcome);
    expect(seen, [...registers, ...final].join('\n')).toBe(isAllowed);
    // A search that stood still would forbid everything.
    expect(registers.size + final.size).toBeGreaterThan(1);
  });
});

test('a near-memory swap of a word that lies dirty in a cache is told', () => {
  const { problems } = outcomesOf({ profile: 'NC+NM', threads: [on(1, 'x=1'), on(2, 'r=cas x 0 1')] });
  expect([...problems]).toEqual(['a near-memory change at 0 while the line is dirty in machine 1']);
  expect(outcomesOf({ profile: 'NC+NM', threads: [on(1, 'r=x'), on(2, 's=cas x 0 1')] }).problems.size).toBe(0);
});

test('a swap on an uncached device is told', () => {
  const { problems } = outcomesOf({ profile: 'UC', threads: [on(1, 'r=cas x 0 1')] });
  expect([...problems]).toEqual(['a read-modify-write at 0 on an uncached device is a load and a store']);
});
