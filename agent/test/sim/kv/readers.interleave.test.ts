/**
 * Readers beside a writer of the same bucket: in every schedule of short programs, and in random ones of long programs, each key is
 * linearizable, no memory changes under a reader, and the heap is whole. And the mistakes that this notices.
 */
import { describe, expect, test } from 'vitest';
import { kvProblems } from '../../../src/kv/check-history.ts';
import { codes, constants } from '../../../src/layout/index.ts';
import { burying, isDeep } from '../heap/deaths.ts';
import { audit, heapClient, root } from '../heap/heap-world.ts';
import { kinds } from '../memory-profile.ts';
import { explore, firstSeed, prepared, randomFrom, runRandomly } from '../schedules.ts';
import { call, type Program, type World } from '../simulator.ts';
import { at, type KvWorld, kvWorld, put, reads } from './kv-world.ts';
import { type Act, type Playing, playing } from './programs.ts';

const [a, b, c] = [5, 6, 7];
const seed = firstSeed(1);

interface Story {
  readonly title: string;
  /** Keys that have version 1 at first, in the order of the bucket. */
  readonly before: readonly number[];
  readonly writes: readonly Act[];
  readonly reads: readonly Act[];
}

const stories: readonly Story[] = [
  {
    title: 'a get, while the value is replaced and its memory used again',
    before: [a, b],
    writes: [
      { act: 'put', key: a, version: 2 },
      { act: 'put', key: c, version: 9 },
    ],
    reads: [{ act: 'get', key: a }],
  },
  {
    title: 'a get of the second, while the first is replaced and its memory used again',
    before: [a, b],
    writes: [
      { act: 'put', key: a, version: 2 },
      { act: 'put', key: c, version: 9 },
    ],
    reads: [{ act: 'get', key: b }],
  },
  {
    title: 'a get of the second, while the first is deleted and its memory used again',
    before: [a, b],
    writes: [
      { act: 'delete', key: a, version: 2 },
      { act: 'put', key: c, version: 9 },
    ],
    reads: [{ act: 'get', key: b }],
  },
  {
    title: 'two gets, while the key is deleted and put again',
    before: [a, b],
    writes: [
      { act: 'delete', key: b, version: 2 },
      { act: 'put', key: b, version: 3 },
    ],
    reads: [
      { act: 'get', key: b },
      { act: 'get', key: b },
    ],
  },
  {
    title: 'a get of the last, while both before it are deleted',
    before: [a, b, c],
    writes: [
      { act: 'delete', key: b, version: 2 },
      { act: 'delete', key: a, version: 2 },
    ],
    reads: [{ act: 'get', key: c }],
  },
  {
    title: 'two gets, while the key is put for the first time',
    before: [a],
    writes: [{ act: 'put', key: b, version: 2 }],
    reads: [
      { act: 'get', key: b },
      { act: 'get', key: b },
    ],
  },
];

function worldOf(story: Story, mutant: number): KvWorld {
  const kv = kvWorld({ mutant });
  // Through the history as well: what is not in it was never put.
  at(
    kv.writer.client.core,
    playing(
      kv.writer,
      story.before.map((key) => ({ act: 'put', key, version: 1 }) as const),
    ),
  );
  return kv;
}

function problemsIn({ world }: KvWorld): readonly string[] {
  return [...kvProblems(world.history().records), ...audit(world)];
}

function everySchedule(story: Story, mutant = 0) {
  const kv = worldOf(story, mutant);
  const notes: string[] = [];
  const how: Playing = { note: (problem) => notes.push(problem) };
  return explore(
    prepared(
      () => kv.world,
      () => {
        notes.length = 0;
      },
    ),
    () => {
      kv.writer.client.start(playing(kv.writer, story.writes, how));
      kv.reader.client.start(playing(kv.reader, story.reads, how));
    },
    () => [...notes, ...problemsIn(kv)],
  );
}

describe('in every schedule of', () => {
  test.each(stories)('$title', (story) => {
    const { problems, schedules, ends } = everySchedule(story);
    expect(problems).toEqual([]);
    expect(ends).toBeGreaterThan(10);
    expect(schedules).toBeGreaterThan(ends);
  });
});

test('a writer may die at any moment of it: readers go on, and an heir takes over', () => {
  const story: Story = { ...stories[0]!, writes: [{ act: 'put', key: a, version: 2 }] };
  const kv = worldOf(story, 0);
  const heir = reads(heapClient(kv.world, 4));
  const notes: string[] = [];
  const how: Playing = { note: (problem) => notes.push(problem) };
  function* inherit(world: World): Program {
    yield* burying(world, [kv.writer.client], (problem) => notes.push(problem));
    const code = yield call('kvClaim', heir.store, 0);
    if (code !== codes.OK) notes.push(`the heir's claim was answered ${code}`);
    // Adds nothing to the writer's death and the reader but schedules.
    if (isDeep) yield* playing(heir, [{ act: 'put', key: a, version: 5 }], how);
  }
  const { problems, ends } = explore(
    prepared(
      () => kv.world,
      () => {
        notes.length = 0;
      },
    ),
    () => {
      kv.writer.client.start(playing(kv.writer, story.writes, how));
      kv.reader.client.start(playing(kv.reader, [{ act: 'get', key: a }], how));
    },
    () => [...notes, ...problemsIn(kv)],
    { crashes: [{ client: kv.writer.client.index, onCrash: (world) => heir.client.start(inherit(world)) }] },
  );
  expect(problems).toEqual([]);
  expect(ends).toBeGreaterThan(100);
});

/** What a seed draws for a writer and two readers of three keys in one bucket. */
function drawn(seed: number): { readonly writes: readonly Act[]; readonly reads: readonly (readonly Act[])[] } {
  const random = randomFrom(seed);
  const key = () => [a, b, c][Math.floor(random() * 3)]!;
  const writes = Array.from({ length: 8 }, (_, index): Act => {
    const act = random() < 0.35 ? 'delete' : 'put';
    return { act, key: key(), version: 2 + index };
  });
  return { writes, reads: [0, 1].map(() => Array.from({ length: 8 }, (): Act => ({ act: 'get', key: key() }))) };
}

/** Of `rounds` random schedules, the first in which something was wrong, with its seed. */
function randomly(rounds: number, options: { readonly mutant?: number; readonly writesLate?: boolean } = {}): readonly string[] {
  const { mutant = 0, writesLate = false } = options;
  const kv = worldOf({ ...stories[0]!, before: [a, b, c] }, mutant);
  const other = reads(heapClient(kv.world, 3));
  const begin = kv.world.snapshot();
  for (let round = seed; round < seed + rounds; round++) {
    kv.world.restore(begin);
    const notes: string[] = [];
    // The values from before are of programs that write no bytes.
    for (const key of [a, b, c]) at(kv.writer.client.core, put(kv.writer, key, 1));
    const how: Playing = { withBytes: true, writesLate, note: (problem) => notes.push(problem) };
    const plan = drawn(round);
    kv.writer.client.start(playing(kv.writer, plan.writes, how));
    kv.reader.client.start(playing(kv.reader, plan.reads[0]!, how));
    other.client.start(playing(other, plan.reads[1]!, how));
    runRandomly(kv.world, round);
    const problems = [...notes, ...problemsIn(kv)];
    if (problems.length > 0) return [`seed ${round}: ${problems[0]}`];
  }
  return [];
}

test(`in random schedules of a writer and two readers, with all bytes of the values (seed ${seed})`, () => {
  expect(randomly(300)).toEqual([]);
});

/**
 * A reader stands between the first node and the second. Both are deleted; the second one's memory becomes a node that is not put yet,
 * the first one's becomes data which looks like a reference to it. The first one's must not: the reader has not looked again.
 */
function forgedBytes(mutant: number): readonly string[] {
  const kv = worldOf({ ...stories[0]!, before: [a, b] }, mutant);
  const { world, writer, reader } = kv;
  const { core } = writer.client;
  const first = core.kvGet(writer.store, a, 0) - constants.KV_NODE_DATA_OFFSET;
  core.kvRelease();
  const slot = world.historyBase - world.poolSizeBytes + first + constants.OBJECT_HEADER_BYTES;
  const notes: string[] = [];
  reader.client.start(playing(reader, [{ act: 'get', key: b }], { note: (problem) => notes.push(problem) }));
  const goUpTo = (what: number) => {
    while (reader.client.isRunning && !(reader.client.pendingAddress === slot && (reader.client.pendingWhat & 15) === what)) {
      reader.client.step();
    }
  };
  goUpTo(kinds.load);
  reader.client.step(); // it knows the second node; the next access is its hazard
  const acts = [a, b].map((key): Act => ({ act: 'delete', key, version: 2 }));
  at(core, playing(writer, acts));
  const unfinished = core.shmPayload(root(core.shmAlloc(constants.KV_NODE_DATA_BYTES + 24, 1)));
  const node = new DataView(Uint8Array.of(b, 0, 0, 0, 0, 0, 0, 0, 20, 0, 0, 0).buffer);
  world.poolBytes(unfinished + 8, 12).set(new Uint8Array(node.buffer));
  goUpTo(kinds.load);
  core.shmCollect();
  for (let object = 0; object < 4; object++) {
    const data = core.shmPayload(root(core.shmAlloc(8 + constants.KV_NODE_DATA_BYTES + 24, 0)));
    const bytes = world.poolBytes(data, 8);
    new DataView(bytes.buffer, bytes.byteOffset, 8).setBigUint64(0, BigInt(unfinished - constants.OBJECT_HEADER_BYTES), true);
  }
  while (reader.client.isRunning) reader.client.step();
  return [...notes, ...problemsIn(kv)];
}

test('bytes that were a node are not taken for one while a reader stands there', () => {
  expect(forgedBytes(0)).toEqual([]);
});

describe('it is noticed when', () => {
  test('mutant 305: a reader lets go of a node before it is sure of the next one', () => {
    expect(forgedBytes(305)).not.toEqual([]);
  });

  const [replaced, , deletedFirst, again] = stories;
  test.each<[number, string, Story]>([
    [300, 'a reader has no hazard', replaced!],
    [301, 'a reader does not look again', replaced!],
    [302, 'a reader takes a node that was taken apart for the end', deletedFirst!],
    [303, 'a node is described after it is linked', again!],
    [306, 'who replaces a node forgets what follows it', stories[1]!],
    [308, 'a value is taken away before the new one is there', replaced!],
  ])('mutant %i: %s', (mutant, _, story) => {
    let problems: readonly string[];
    try {
      problems = everySchedule(story, mutant).problems;
    } catch (error) {
      problems = [(error as Error).message];
      expect(problems[0]).toMatch(/invariant|did not end|outside the memory|nobody's|not aligned/);
    }
    expect(problems).not.toEqual([]);
  });

  test('a program links a node before it has written the value', () => {
    expect(randomly(300, { writesLate: true })).not.toEqual([]);
  });
});
