/** What must hold of a store, as checks that a deliberate mistake must break. */
import { kvProblems } from '../../../src/kv/check-history.ts';
import { codes, constants } from '../../../src/layout/index.ts';
import type { Check } from '../checks.ts';
import { audit, heapClient, root } from '../heap/heap-world.ts';
import { writeBackMemory } from '../memory/write-back.ts';
import { kinds } from '../memory-profile.ts';
import { type Exploration, explore, firstSeed, prepared, randomFrom, runRandomly } from '../schedules.ts';
import { at, type KvOptions, type KvWorld, kvWorld, put, reads } from './kv-world.ts';
import { type Act, type Playing, playing } from './programs.ts';
import { aftermath, type KvScene, kvScenes, play, stageOf } from './scenes.ts';

const [a, b, c] = [5, 6, 7];
const seed = firstSeed(1);

// -- deaths ---------------------------------------------------------------------------------------------------------------------

export interface Sweep {
  readonly explored: number;
  readonly problems: readonly string[];
}

/** Who acts in the scene dies at each of its accesses. */
export function sweep(scene: KvScene, options: KvOptions = {}): Sweep {
  const stage = stageOf(scene, options);
  for (let access = 1; ; access++) {
    play(stage, () => stage.actor.client.crashAtAccess(access));
    if (!stage.actor.client.isDead) return { explored: access - 1, problems: [] };
    const problems = aftermath(stage);
    if (problems.length > 0)
      return { explored: access, problems: problems.map((problem) => `dead at access ${access}: ${problem}`) };
  }
}

/** The whole machine of who acts loses its power at each access, `rounds` times with other luck in what its cache had written back. */
export function sweepPower(scene: KvScene, rounds: number, options: KvOptions = {}): Sweep {
  const stage = stageOf(scene, { memory: writeBackMemory({ profile: 'COH', seed }), ...options });
  const { world } = stage.kv;
  let explored = 0;
  for (let round = seed; round < seed + rounds; round++) {
    for (let access = 1; ; access++, explored++) {
      play(stage, () => {
        world.memory.reseed(round * 7919 + access);
        stage.actor.client.crashAtAccess(access);
      });
      const { isDead } = stage.actor.client;
      world.crashMachine(stage.actor.client.machine);
      const problems = aftermath(stage);
      if (problems.length > 0) {
        return { explored, problems: problems.map((problem) => `seed ${round}, power off at access ${access}: ${problem}`) };
      }
      if (!isDead) break;
    }
  }
  return { explored, problems: [] };
}

/** Whoever loses its machine after a claim, and after any locked write behind it, keeps the partition until it is recovered. */
const aClaimOutlivesItsMachine: Check = (mutant) => {
  for (let round = seed; round < seed + 20; round++) {
    const memory = writeBackMemory({ profile: 'COH', seed: round });
    const { world, writer } = kvWorld({ mutant, memory, partitions: 2, flushPolicy: constants.FLUSH_HOST });
    const heir = reads(heapClient(world, 4));
    writer.client.core.kvClaim(writer.store, 1);
    writer.client.core.shmAlloc(8, 0);
    world.crashMachine(writer.client.machine);
    const code = heir.client.core.kvClaim(heir.store, 1);
    if (code !== codes.BUSY) return [`seed ${round}: a claim on the partition of who is not recovered was answered ${code}`];
  }
  return [];
};

const sceneNamed = (title: string): KvScene => kvScenes.find((scene) => scene.title === title)!;

// -- schedules --------------------------------------------------------------------------------------------------------------------

export interface Story {
  readonly title: string;
  /** Keys that have version 1 at first, in the order of the bucket. */
  readonly before: readonly number[];
  readonly writes: readonly Act[];
  readonly reads: readonly Act[];
}

export const stories: readonly Story[] = [
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

export function worldOf(story: Story, mutant: number): KvWorld {
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

export function problemsIn({ world }: KvWorld): readonly string[] {
  return [...kvProblems(world.history().records), ...audit(world)];
}

export function everySchedule(story: Story, mutant = 0): Exploration {
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
export function randomly(
  rounds: number,
  options: { readonly mutant?: number; readonly writesLate?: boolean } = {},
): readonly string[] {
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

/**
 * A reader stands between the first node and the second. Both are deleted; the second one's memory becomes a node that is not put yet,
 * the first one's becomes data which looks like a reference to it. The first one's must not: the reader has not looked again.
 */
export function forgedBytes(mutant: number): readonly string[] {
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

// -- by name ------------------------------------------------------------------------------------------------------------------------

const story =
  (place: number): Check =>
  (mutant) =>
    everySchedule(stories[place]!, mutant).problems;
const deaths =
  (title: string): Check =>
  (mutant) =>
    sweep(sceneNamed(title), { mutant }).problems;

/** For the list of mutants. */
export const kvChecks: Readonly<Record<string, Check>> = {
  'a value is read while it is replaced, in every order': story(0),
  'what follows a value is read while that is replaced, in every order': story(1),
  'what follows a value is read while that is deleted, in every order': story(2),
  'a key is read while it is deleted and put again, in every order': story(3),
  'bytes that were a node are not taken for one': forgedBytes,
  'dead at every access of a put behind others': deaths('put a key behind others'),
  'dead at every access of a delete': deaths('delete key 1 of 3'),
  'a claim outlives its machine': aClaimOutlivesItsMachine,
  'power off at every access of a put': (mutant) =>
    sweepPower(sceneNamed('put a key behind others'), 10, { mutant, flushPolicy: constants.FLUSH_HOST }).problems,
};
