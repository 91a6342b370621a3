/** What must hold of the heap, as checks that a deliberate mistake must break: sweeps of scenes, drawn and explored schedules, and single situations. */
import { codes, constants, layout } from '../../../src/layout/index.ts';
import type { Check } from '../checks.ts';
import { kinds } from '../memory-profile.ts';
import { call, type Program, poolSizeBytes, type SimulatedClient, type World } from '../simulator.ts';
import { aftermath, deathsOf, playUntil, type Stage, sampled, stageOf, writesOf } from './deaths.ts';
import { audit, bury, expectCode, type HeapOptions, heapClient, heapOf, heapWorld, remains, root } from './heap-world.ts';
import { looker, scenes, share } from './operations.ts';
import * as scenario from './scenarios.ts';
import { drawScenario, exploreScenario, pass, type Scenario } from './scenarios.ts';

const alloc = ({ core }: SimulatedClient, sizeBytes: number, references = 0): number =>
  root(core.shmAlloc(sizeBytes, references));

// -- sweeps and schedules -----------------------------------------------------------------------------------------------------

/** The victim of a scene dies at each of its writes. `used`: the memory held something before. */
export const deathsIn =
  (title: string, options: { readonly used?: boolean } = {}): Check =>
  (mutant) => {
    const stage = stageNamed(title, { mutant, ...options });
    for (const death of deathsOf(stage)) {
      playUntil(stage, death);
      bury(stage.undertakers[0], [stage.cast.victim]);
      const problems = aftermath(stage);
      if (problems.length > 0) return [`dead at ${death}: ${problems[0]}`];
    }
    return [];
  };

/** The victim dies, its recoverer dies, another one buries both. */
export const doubleDeathsIn =
  (title: string, samples = 12, seed = 1): Check =>
  (mutant) => {
    const stage = stageNamed(title, { mutant });
    const { cast, undertakers, heir } = stage;
    for (const death of sampled(deathsOf(stage), samples, seed)) {
      playUntil(stage, death);
      const writes = writesOf(undertakers[0], () => bury(undertakers[0], [cast.victim]));
      for (const second of sampled(writes, 2 * samples, seed + death)) {
        playUntil(stage, death);
        undertakers[0].crashAtAccess(second);
        bury(undertakers[0], [cast.victim]);
        bury(heir, [undertakers[0], cast.victim]);
        const problems = aftermath(stage);
        if (problems.length > 0) return [`dead at ${death}, its recoverer at ${second}: ${problems[0]}`];
      }
    }
    return [];
  };

function stageNamed(title: string, options: HeapOptions & { readonly used?: boolean }): Stage {
  const scene = scenes.find((each) => each.title === title);
  if (scene === undefined) throw new Error(`there is no scene to ${title}`);
  return stageOf(scene, options);
}

export const drawn =
  (scenario: Scenario, seeds = 1_000, seed = 1): Check =>
  (mutant) =>
    drawScenario(scenario, mutant, seeds, seed);

export const everySchedule =
  (scenario: Scenario): Check =>
  (mutant) =>
    exploreScenario({ ...scenario, mortal: [] }, mutant).problems;

export const everyScheduleAndDeath =
  (scenario: Scenario): Check =>
  (mutant) =>
    exploreScenario(scenario, mutant).problems;

// -- situations ---------------------------------------------------------------------------------------------------------------

const expectEqual = (what: string, found: unknown, expected: unknown): readonly string[] =>
  found === expected ? [] : [`${what}: ${found} instead of ${expected}`];

/** Who gave a run of pages back died before it told its owner, and is not recovered yet. */
const aQuotaRefusesNoMemoryThatCameBackUnseen: Check = (mutant) => {
  const world = heapWorld({ mutant });
  const [owner, other] = [heapClient(world, 1, 1), heapClient(world, 2)];
  const held = [alloc(owner, 900)];
  for (let isFull = false; !isFull; ) {
    const answer = owner.core.shmAlloc(900, 0) >>> 0;
    isFull = answer < codes.CODE_LIMIT;
    if (!isFull) held.push(answer);
  }
  const theirs = share(owner, held[0]!, other);
  expectCode('drop', owner.core.shmDrop(held[0]!));
  other.arm('shm/drain/after-commit');
  other.attempt((core) => core.shmDrop(theirs));
  if (!other.isDead) return ['who gave it back is alive'];
  const again = owner.core.shmAlloc(900, 0) >>> 0;
  return again < codes.CODE_LIMIT ? [`an allocation was answered ${again} although its quota has room`] : [];
};

/** A block whose disposer died before it said so is found before a new segment is claimed. */
export const aLostBlockIsHintedAt: Check = (mutant) => {
  const world = heapWorld({ mutant });
  const [owner, disposer, undertaker] = [1, 2, 3].map((machine) => heapClient(world, machine));
  const object = alloc(owner!, 240);
  const theirs = pass(owner!, object, disposer!);
  // Seven pages of two blocks, beside the page of roots: the segment is full.
  for (let index = 0; index < 13; index++) alloc(owner!, 240);
  expectCode('drop', owner!.core.shmDrop(object));
  disposer!.arm('shm/drain/after-pop');
  disposer!.attempt((core) => core.shmDrop(theirs));
  bury(undertaker!, [disposer!]);
  alloc(owner!, 240);
  return expectEqual('bytes held', owner!.core.shmHeldBytes(), 4096);
};

/** An id whose eras are used up is given to nobody. */
export const aUsedUpIdIsRetired: Check = (mutant) => {
  const world = heapWorld({ mutant });
  const first = heapClient(world, 1);
  const id = first.core.selfClient();
  expectCode('leave', first.core.leave());
  const { shape } = heapOf(world);
  writeWord(world, shape.erasOffset + id * shape.eraRowBytes + id * 8, 0xffff000000n);
  const next = world.client(2);
  expectCode('join', next.core.join(2, next.process, 0));
  const code = next.core.shmOpen(0);
  const answer = code === codes.OK ? next.core.shmAlloc(16, 0) : code;
  return next.core.selfClient() === id ? [`the retired id ${id} was given out, and its heap answered ${answer}`] : [];
};

function writeWord(world: World, offset: number, value: bigint): void {
  const bytes = world.poolBytes(offset, 8);
  new DataView(bytes.buffer, bytes.byteOffset).setBigUint64(0, value, true);
}

function readWord(world: World, offset: number): bigint {
  const bytes = world.poolBytes(offset, 8);
  return new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true);
}

/** A queue takes as many references as it has slots, and no more. */
export const aFullQueueRefuses: Check = (mutant) => {
  const world = heapWorld({ mutant });
  const [sender, receiver] = [1, 2].map((machine) => heapClient(world, machine));
  const object = alloc(sender!, 16);
  const queue = sender!.core.shmOpenQueue(receiver!.core.selfClient(), 0, 0) - codes.CODE_LIMIT;
  const answers = Array.from({ length: 9 }, () => sender!.core.shmFill(queue, object, 0));
  return [...expectEqual('the ninth reference was answered', answers.at(-1), codes.FULL), ...audit(world)];
};

/** Who closes takes back at once what it did not send. */
export const whatWasNotSentComesBack: Check = (mutant) => {
  const world = heapWorld({ mutant });
  const [sender, receiver] = [1, 2].map((machine) => heapClient(world, machine));
  const object = alloc(sender!, 16);
  const queue = sender!.core.shmOpenQueue(receiver!.core.selfClient(), 0, 0) - codes.CODE_LIMIT;
  expectCode('fill', sender!.core.shmFill(queue, object, 0));
  expectCode('close', sender!.core.shmCloseQueue(queue));
  return expectEqual('references to the object', sender!.core.shmCount(object), 1);
};

/** The last count that fits is refused to grow; the object stays what it is. */
export const aFullCountRefuses: Check = (mutant) => {
  const world = heapWorld({ mutant });
  const client = heapClient(world, 1);
  const object = alloc(client, 16);
  const header = (client.core.shmPayload(object) >>> 0) - constants.OBJECT_HEADER_BYTES;
  const parent = alloc(client, 0, 2);
  writeWord(world, header, BigInt(constants.COUNT_LIMIT) << 40n);
  const clone = client.core.shmClone(object) >>> 0;
  const attached = client.core.shmAttach(parent, 0, object);
  return [
    ...expectEqual('clone was answered', clone, codes.COUNT_FULL),
    ...expectEqual('attach was answered', attached, codes.COUNT_FULL),
    ...expectEqual('the count', (readWord(world, header) >> 40n) & 0x3fffn, BigInt(constants.COUNT_LIMIT)),
  ];
};

/** Small, large and huge corpses stay where they are while somebody looks at them, whoever disposed of them, and whatever that one does. */
export const whatIsLookedAtStays: Check = (mutant) => {
  const world = heapWorld({ mutant });
  const [victim, bystander] = [1, 2].map((machine) => heapClient(world, machine));
  const parent = alloc(victim!, 0, 3);
  for (const [index, sizeBytes] of [40, 700, 9_000].entries()) {
    const child = alloc(victim!, sizeBytes);
    expectCode('attach', victim!.core.shmAttach(parent, index, child));
    expectCode('drop', victim!.core.shmDrop(child));
  }
  const cast = { world, victim: victim!, bystander: bystander! };
  const lookers = [0, 1, 2].map((index) => looker(cast, parent, index));
  const kept = share(victim!, parent, bystander!);
  const problems: string[] = [];
  const look = (when: string): void => void problems.push(...expectEqual(`corpses ${when}`, heapOf(world).corpses, 3));
  for (let index = 0; index < 3; index++) expectCode('detach', victim!.core.shmDetach(parent, index));
  look('after they died');
  expectCode('collect', victim!.core.shmCollect());
  look('after a collection');
  expectCode('leave', victim!.core.leave());
  look('after their disposer left');
  expectCode('collect', bystander!.core.shmCollect());
  look('after somebody else collected');
  bury(bystander!, lookers);
  expectCode('drop', bystander!.core.shmDrop(kept));
  return problems.length > 0 ? problems : remains(world);
};

/** Who recovers others does not forget corpses of its own that somebody looks at. */
export const aRecovererKeepsItsLimbo: Check = (mutant) => {
  const world = heapWorld({ mutant });
  const [victim, bystander, dead] = [1, 2, 4].map((machine) => heapClient(world, machine));
  const parent = alloc(victim!, 0, 1);
  const child = alloc(victim!, 40);
  expectCode('attach', victim!.core.shmAttach(parent, 0, child));
  expectCode('drop', victim!.core.shmDrop(child));
  const looking = looker({ world, victim: victim!, bystander: bystander! }, parent, 0);
  expectCode('detach', victim!.core.shmDetach(parent, 0));
  dead!.kill();
  bury(victim!, [dead!]);
  bury(bystander!, [looking]);
  expectCode('collect', victim!.core.shmCollect());
  return [...audit(world), ...expectEqual('corpses', heapOf(world).corpses, 0), ...remains(world)];
};

/** Corpses of an earlier occupant of a place are nobody's, while the next one is at work. */
export const anEarlierOccupantsCorpseIsFound: Check = (mutant) => {
  const world = heapWorld({ mutant });
  const [owner, undertaker] = [1, 2].map((machine) => heapClient(world, machine));
  const disposer = heapClient(world, 3);
  const object = alloc(owner!, 700);
  const theirs = pass(owner!, object, disposer);
  expectCode('drop', owner!.core.shmDrop(object));
  disposer.arm('shm/drain/after-pop');
  disposer.attempt((core) => core.shmDrop(theirs));
  bury(undertaker!, [disposer]);
  const next = heapClient(world, 4);
  expectCode('collect', owner!.core.shmCollect());
  return [...expectEqual('corpses', heapOf(world).corpses, 0), ...(next.isDead ? ['the next one is dead'] : [])];
};

/** Who adopts a segment uses its free blocks before it claims another. */
export const anAdoptedSegmentIsUsed: Check = (mutant) => {
  const world = heapWorld({ mutant });
  const gone = heapClient(world, 1);
  const heir = heapClient(world, 2);
  const held = Array.from({ length: 14 }, () => alloc(gone, 240));
  // One block of every page stays in use.
  for (const [index, object] of held.entries()) if (index % 2 === 0) pass(gone, object, heir);
  for (let index = 0; index < 14; index++) alloc(heir, 240);
  expectCode('leave', gone.core.leave());
  for (let index = 0; index < 7; index++) alloc(heir, 240);
  return expectEqual('bytes held', heir.core.shmHeldBytes(), 2 * 4096);
};

/** The record of an attach that was given up names an object that others may free: no recovery may find it in the era that is still open. */
export const aRecordThatWasGivenUpIsForgotten: Check = (mutant) => {
  const world = heapWorld({ mutant });
  const [owner, reader] = [1, 2].map((machine) => heapClient(world, machine));
  const child = alloc(owner!, 300);
  const object = (owner!.core.shmPayload(child) >>> 0) - constants.OBJECT_HEADER_BYTES;
  const parent = alloc(owner!, 0, 1);
  expectCode('attach', owner!.core.shmAttach(parent, 0, child));
  expectCode('drop', owner!.core.shmDrop(child));
  const theirs = pass(owner!, parent, reader!);
  reader!.start(acquiringOnce(theirs));
  // Up to the swap of the object's word: then the last reference goes.
  while (reader!.isRunning && !(reader!.pending!.what % 16 === kinds.swap && reader!.pendingAddress % poolSizeBytes === object)) {
    reader!.step();
  }
  if (!reader!.isRunning) return ['the reader never came to its swap'];
  expectCode('detach', owner!.core.shmDetach(parent, 0));
  while (reader!.isRunning) reader!.step();
  const { shape, clients } = heapOf(world);
  const id = reader!.core.selfClient();
  const era = BigInt(clients.find((each) => each.id === id)!.era);
  const stamps = [0, 1].map((which) => {
    const record = shape.clientsOffset + id * constants.HEAP_CLIENT_BYTES + constants.HEAP_REDO_LINE;
    return readWord(world, record + which * constants.REDO_RECORD_BYTES + layout.RedoRecord.stamp.offset);
  });
  return stamps.some((stamp) => stamp >> 56n !== 0n && (stamp & 0xffffffffffn) === era)
    ? ['the record still stands']
    : audit(world);
};

function* acquiringOnce(parent: number): Program {
  yield call('shmAcquire', parent, 0);
}

/** By the sentence that docs/mutants.md names. */
export const heapChecks = {
  'one attaches and detaches what another does too, and dies at any moment': everyScheduleAndDeath(scenario.linkAndUnlink),
  'two drop the last references in every order': everySchedule(scenario.releaseTheLastTwo),
  'two claim the last segment in every order': everySchedule(scenario.claimTheLast),
  'one acquires what another changes, in every order': everySchedule(scenario.acquireAndChange),
  'one opens a queue towards one who is being recovered, in every order': everySchedule(scenario.openTowardsOneWhoDies),
  'the receiver keeps what a sender sent and died': drawn(scenario.sendAndKeep),
  'a slot is acquired from whose writer died over emptying it': drawn(scenario.acquireAndFastDrop),
  'the last root is dropped while another holder dies over emptying its slot': drawn(scenario.dropWhileReleased, 2_000),
  'blocks come back while their owner sweeps': drawn(scenario.allocateAndFreeAndSweep),
  'two collect the same huge object': drawn(scenario.hugeAndCollect),
  'a full queue is refilled while it is emptied': drawn(scenario.fullQueue, 2_000),
  'dead at every write of attach and detach': deathsIn('attach and detach'),
  'dead at every write of change': deathsIn('change a reference to and fro'),
  'dead at every write of allocation': deathsIn('allocate, small, with references, and drop'),
  'dead at every write of allocation, in used memory': deathsIn('allocate, small, with references, and drop', { used: true }),
  'dead at every write of filling pages, in used memory': deathsIn('fill a page, then another, and empty both', { used: true }),
  'dead at every write of releasing a tree': deathsIn('release a tree whose leaves others hold too'),
  'dead at every write of clone and acquire': deathsIn('clone and acquire'),
  'dead at every write of clone and acquire, and so is the recoverer': doubleDeathsIn('clone and acquire', 1_000),
  'dead at writes of leaving, and so is the recoverer': doubleDeathsIn('leave with everything'),
  'a lost block is hinted at': aLostBlockIsHintedAt,
  'a quota refuses no memory that came back unseen': aQuotaRefusesNoMemoryThatCameBackUnseen,
  'a used up id is retired': aUsedUpIdIsRetired,
  'a full queue refuses': aFullQueueRefuses,
  'what was not sent comes back': whatWasNotSentComesBack,
  'a full count refuses': aFullCountRefuses,
  'what is looked at stays': whatIsLookedAtStays,
  'a recoverer keeps its limbo': aRecovererKeepsItsLimbo,
  "an earlier occupant's corpse is found": anEarlierOccupantsCorpseIsFound,
  'an adopted segment is used': anAdoptedSegmentIsUsed,
  'a record that was given up is forgotten': aRecordThatWasGivenUpIsForgotten,
} as const satisfies Readonly<Record<string, Check>>;
