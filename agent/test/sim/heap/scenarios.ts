/**
 * Short programs that touch the same words, for every schedule and every death: the scenarios in which a protocol of reference counts
 * goes wrong first. Everything is allocated beforehand, so that the programs are the few accesses that matter.
 */
import { codes } from '../../../src/layout/index.ts';
import { type CrashChoice, type Exploration, explore, prepared, randomFrom, stepLimit } from '../schedules.ts';
import { call, type Program, type SimulatedClient, type World } from '../simulator.ts';
import { burying } from './deaths.ts';
import { audit, bury, expectCode, type HeapOptions, heapClient, heapOf, heapWorld, remains, root } from './heap-world.ts';
import { share } from './operations.ts';

export type Note = (problem: string) => void;

export interface Scenario {
  readonly title: string;
  readonly options?: HeapOptions;
  /** Those who act; each has joined. */
  readonly actors: number;
  /** Indices of actors who may die, one in each schedule; then a recoverer starts. */
  readonly mortal?: readonly number[];
  /** False: the recoverer is never drawn to die. True: it may also die when every schedule is explored; then another one follows. */
  readonly recovererDies?: boolean;
  /** Gives the programs of the actors, by index. Run once; the programs start anew in each schedule. */
  readonly prepare: (cast: readonly SimulatedClient[], world: World) => readonly ((note: Note) => Program)[];
  /** What must hold at the end, beside an exact audit and that every byte comes back. */
  readonly expectAtEnd?: (world: World, cast: readonly SimulatedClient[]) => readonly string[];
  /** `prepare` leaves somebody dead whom nobody buries before the end. */
  readonly leavesDead?: boolean;
}

/** Everything that is wrong in the first schedule that shows anything; how much was looked at. */
export function exploreScenario(scenario: Scenario, mutant = 0, limits: { readonly schedules?: number } = {}): Exploration {
  const { actors, mortal = [] } = scenario;
  const problems: string[] = [];
  const note: Note = (problem) => problems.push(problem);
  let programs: readonly ((note: Note) => Program)[] = [];
  const crashes: CrashChoice[] = [];
  for (const client of mortal) {
    crashes.push({ client: client + 1, onCrash: (world) => startBurying(world, actors + 1, [client + 1], note), afterEnd: true });
  }
  if (scenario.recovererDies === true) {
    const dead = [actors + 1, ...mortal.map((client) => client + 1)];
    crashes.push({ client: actors + 1, onCrash: (world) => startBurying(world, actors + 2, dead, note) });
  }
  return explore(
    prepared(
      () => {
        const made = makeWorld(scenario, mutant);
        programs = made.programs;
        return made.world;
      },
      () => void problems.splice(0),
    ),
    (world) => {
      for (let actor = 0; actor < actors; actor++) world.clients[actor + 1]!.start(programs[actor]!(note));
    },
    (world) => endOf(scenario, world, problems),
    { ...limits, crashes },
  );
}

/**
 * Draws `seeds` schedules, and in most of them a death, and in some of those the death of the recoverer. The first problem names its
 * seed, which repeats it.
 */
export function drawScenario(scenario: Scenario, mutant: number, seeds: number, first: number): readonly string[] {
  const problems: string[] = [];
  const note: Note = (problem) => problems.push(problem);
  const { world, programs } = makeWorld(scenario, mutant);
  const before = world.snapshot();
  for (let seed = first; seed < first + seeds; seed++) {
    world.restore(before);
    problems.length = 0;
    try {
      for (let actor = 0; actor < scenario.actors; actor++) world.clients[actor + 1]!.start(programs[actor]!(note));
      draw(world, scenario, seed, note);
      problems.push(...endOf(scenario, world, problems.splice(0)));
    } catch (error) {
      problems.push((error as Error).message);
    }
    if (problems.length > 0) return [`seed ${seed}: ${problems.slice(0, 4).join('; ')}`];
  }
  return [];
}

/** One schedule with its deaths. */
function draw(world: World, { actors, mortal = [], recovererDies }: Scenario, seed: number, note: Note): void {
  const random = randomFrom(seed);
  const doomed = mortal.length > 0 && random() < 0.75 ? mortal[Math.floor(random() * mortal.length)]! + 1 : 0;
  if (doomed !== 0) world.clients[doomed]!.crashAtAccess(1 + Math.floor(random() ** 2 * 120));
  const undertaker = world.clients[actors + 1]!;
  const undertakerDies = recovererDies !== false && random() < 0.4;
  let buried = 0;
  for (let steps = 0; steps < stepLimit; ) {
    const dead = [doomed, actors + 1].filter((index) => index > 0 && world.clients[index]!.isDead);
    if (dead.length > buried) {
      startBurying(world, actors + 1 + buried, dead, note);
      if (buried === 0 && undertakerDies) undertaker.crashAtAccess(1 + Math.floor(random() ** 2 * 400));
      buried = dead.length;
    }
    const running = world.clients.filter((client) => client.isRunning);
    if (running.length === 0) {
      const late = world.clients[doomed]!;
      if (doomed === 0 || late.isDead) return;
      // It came to its end, and dies with what it holds.
      late.kill();
      continue;
    }
    const client = running[Math.floor(random() * running.length)]!;
    const burst = 1 + Math.floor(random() ** 3 * 40);
    for (let step = 0; step < burst && client.isRunning; step++, steps++) client.step();
  }
  throw new Error(`the programs did not end within ${stepLimit} accesses`);
}

/** The keeper, the actors, two who recover. */
export function makeWorld(
  scenario: Scenario,
  mutant: number,
): { readonly world: World; readonly programs: readonly ((note: Note) => Program)[] } {
  const world = heapWorld({ ...scenario.options, mutant });
  const cast = Array.from({ length: scenario.actors }, (_, index) => heapClient(world, index + 1));
  for (const machine of [6, 7]) heapClient(world, machine);
  return { world, programs: scenario.prepare(cast, world) };
}

function startBurying(world: World, undertaker: number, dead: readonly number[], note: Note): void {
  const buried = dead.map((index) => world.clients[index]!).filter(({ isDead }) => isDead);
  world.clients[undertaker]!.start(burying(world, buried, note));
}

export function endOf(scenario: Scenario, world: World, problems: readonly string[]): readonly string[] {
  if (scenario.leavesDead === true)
    bury(
      world.clients[scenario.actors + 2]!,
      world.clients.filter(({ isDead }) => isDead),
    );
  const found = [...problems, ...audit(world)];
  if (found.length > 0) return found;
  found.push(...(scenario.expectAtEnd?.(world, world.clients.slice(1, scenario.actors + 1)) ?? []));
  return found.length > 0 ? found : remains(world);
}

// -- what programs are made of ------------------------------------------------------------------------------------------------

const alloc = ({ core }: SimulatedClient, sizeBytes: number, references = 0): number =>
  root(core.shmAlloc(sizeBytes, references));

const isOffset = (answer: number): boolean => answer >>> 0 >= codes.CODE_LIMIT;

type Step = ReturnType<typeof call>;

/** Each step must be answered OK. */
function* steps(note: Note, ...all: readonly Step[]): Program {
  for (const step of all) {
    const answer = yield step;
    if (answer !== codes.OK) note(`${step.fn} answered ${answer}`);
  }
}

/** A parent of `client`'s own with so many references, of which the first ones hold what these roots hold. */
function parentOf(client: SimulatedClient, references: number, ...held: readonly number[]): number {
  const parent = alloc(client, 0, references);
  for (const [index, child] of held.entries()) expectCode('attach', client.core.shmAttach(parent, index, child));
  return parent;
}

/** As `share`, through a queue: nobody has looked at anything afterwards. */
export function pass(giver: SimulatedClient, held: number, taker: SimulatedClient): number {
  const queue = openQueue(giver, taker);
  expectCode('fill', giver.core.shmFill(queue, held, 0));
  expectCode('publish', giver.core.shmPublish(queue));
  const taken = root(taker.core.shmReceive(queue));
  expectCode('close', giver.core.shmCloseQueue(queue));
  expectCode('close', taker.core.shmCloseQueue(queue));
  return taken;
}

function openQueue(sender: SimulatedClient, receiver: SimulatedClient): number {
  return sender.core.shmOpenQueue(receiver.core.selfClient(), 0, 0) - codes.CODE_LIMIT;
}

/** Drops everything that it can receive, looking so many times. */
function* receiving(note: Note, queue: number, looks: number): Program {
  for (let look = 0; look < looks; look++) {
    const answer = yield call('shmReceive', queue);
    if (isOffset(answer)) {
      const code = yield call('shmDrop', answer);
      if (code !== codes.OK) note(`drop answered ${code}`);
    } else if (answer !== codes.PENDING && answer !== codes.CLOSED) note(`receive answered ${answer}`);
  }
}

/** Acquires an embedded reference, looks whether its bytes are the object's, drops it. */
function* acquiring(note: Note, client: SimulatedClient, parent: number, index: number, marks: readonly number[]): Program {
  const answer = yield call('shmAcquire', parent, index);
  if (!isOffset(answer)) {
    if (answer !== codes.EMPTY) note(`acquire answered ${answer}`);
    return;
  }
  const payload = yield call('shmPayload', answer);
  const mark = client.world.poolBytes(payload >>> 0, 1)[0]!;
  if (!marks.includes(mark)) note(`the object that was acquired is marked ${mark}`);
  const code = yield call('shmDrop', answer);
  if (code !== codes.OK) note(`drop answered ${code}`);
}

/** Writes a number into the payload of what `held` holds. */
function mark(client: SimulatedClient, held: number, value: number): void {
  client.world.poolBytes(client.core.shmPayload(held) >>> 0, 1)[0] = value;
}

// -- scenarios ----------------------------------------------------------------------------------------------------------------

export const linkAndUnlink: Scenario = {
  title: 'two attach and detach the same object',
  actors: 2,
  mortal: [0],
  prepare: ([a, b]) => {
    const object = alloc(a!, 16);
    const theirs = share(a!, object, b!);
    const first = parentOf(a!, 2, object);
    const second = parentOf(b!, 2, theirs);
    return [
      (note) => steps(note, call('shmAttach', first, 1, object), call('shmDetach', first, 0)),
      (note) => steps(note, call('shmAttach', second, 1, theirs), call('shmDetach', second, 0)),
    ];
  },
};

export const changeAndUnlinkOld: Scenario = {
  title: 'one changes a reference, another detaches what it referred to',
  actors: 2,
  mortal: [0],
  prepare: ([a, b]) => {
    const old = alloc(a!, 16);
    const next = alloc(a!, 16);
    const first = parentOf(a!, 1, old);
    const second = parentOf(b!, 2, share(a!, old, b!));
    const theirs = share(a!, next, b!);
    return [
      (note) => steps(note, call('shmChange', first, 0, next)),
      (note) => steps(note, call('shmDetach', second, 0), call('shmAttach', second, 1, theirs)),
    ];
  },
};

export const changeAndChangeBack: Scenario = {
  title: 'one changes to and fro, another changes as well',
  actors: 2,
  mortal: [0],
  prepare: ([a, b]) => {
    const x = alloc(a!, 16);
    const y = alloc(a!, 16);
    const first = parentOf(a!, 1, x);
    const second = parentOf(b!, 1, share(a!, y, b!));
    const theirs = share(a!, x, b!);
    return [
      (note) => steps(note, call('shmChange', first, 0, y), call('shmChange', first, 0, x)),
      (note) => steps(note, call('shmChange', second, 0, theirs)),
    ];
  },
};

export const linkChangeUnlink: Scenario = {
  title: 'one attaches and changes, another detaches',
  actors: 2,
  mortal: [0],
  prepare: ([a, b]) => {
    const x = alloc(a!, 16);
    const y = alloc(a!, 16);
    const first = parentOf(a!, 2, x);
    const second = parentOf(b!, 1, share(a!, y, b!));
    return [
      (note) => steps(note, call('shmAttach', first, 1, y), call('shmChange', first, 0, y)),
      (note) => steps(note, call('shmDetach', second, 0)),
    ];
  },
};

export const changeLast: Scenario = {
  title: 'one changes away from an object that another lets go of as well',
  actors: 2,
  mortal: [0],
  prepare: ([a, b]) => {
    const x = alloc(a!, 8, 1);
    const y = alloc(a!, 16);
    expectCode('attach', a!.core.shmAttach(x, 0, y));
    const first = parentOf(a!, 1, x);
    const theirs = share(a!, x, b!);
    expectCode('drop', a!.core.shmDrop(x));
    return [(note) => steps(note, call('shmChange', first, 0, y)), (note) => steps(note, call('shmDrop', theirs))];
  },
};

export const sendAndReceive: Scenario = {
  title: 'one sends, another receives',
  actors: 2,
  mortal: [0],
  prepare: ([a, b]) => {
    const object = alloc(a!, 16);
    const queue = openQueue(a!, b!);
    return [
      (note) => steps(note, call('shmFill', queue, object, 0), call('shmPublish', queue)),
      (note) => receiving(note, queue, 2),
    ];
  },
};

export const sendAndKeep: Scenario = {
  title: 'one sends and dies, another receives and keeps',
  actors: 2,
  mortal: [0],
  prepare: ([a, b]) => {
    const object = alloc(a!, 16);
    const queue = openQueue(a!, b!);
    return [
      (note) => steps(note, call('shmFill', queue, object, 0), call('shmPublish', queue)),
      function* () {
        for (let look = 0; look < 2; look++) if (isOffset(yield call('shmReceive', queue))) return;
      },
    ];
  },
};

export const sendAndWorkOn: Scenario = {
  title: 'one sends and works on, another receives and drops',
  actors: 2,
  mortal: [0],
  prepare: ([a, b]) => {
    const object = alloc(a!, 16);
    const parent = parentOf(a!, 1);
    const queue = openQueue(a!, b!);
    return [
      (note) =>
        steps(
          note,
          call('shmFill', queue, object, 0),
          call('shmPublish', queue),
          call('shmAttach', parent, 0, object),
          call('shmDrop', object),
        ),
      (note) => receiving(note, queue, 2),
    ];
  },
};

export const receiverDies: Scenario = {
  title: 'one moves a reference into a queue, another dies over receiving it',
  actors: 2,
  mortal: [1],
  prepare: ([a, b]) => {
    const object = alloc(a!, 16);
    const queue = openQueue(a!, b!);
    const other = alloc(a!, 16);
    expectCode('fill', a!.core.shmFill(queue, other, 0));
    expectCode('publish', a!.core.shmPublish(queue));
    return [
      function* (note) {
        const code = yield call('shmFill', queue, object, 1);
        if (code !== codes.OK && code !== codes.CLOSED) note(`fill answered ${code}`);
        yield call('shmPublish', queue);
      },
      (note) => receiving(note, queue, 2),
    ];
  },
};

export const releaseTheLastTwo: Scenario = {
  title: 'two drop the last two references to an object with a child',
  actors: 2,
  mortal: [0],
  prepare: ([a, b]) => {
    const child = alloc(a!, 16);
    const parent = parentOf(a!, 1, child);
    expectCode('drop', a!.core.shmDrop(child));
    const theirs = share(a!, parent, b!);
    return [(note) => steps(note, call('shmDrop', parent)), (note) => steps(note, call('shmDrop', theirs))];
  },
};

export const allocateAndFreeAndSweep: Scenario = {
  title: 'one allocates and sweeps, another gives its blocks back',
  options: { segments: 2 },
  actors: 2,
  mortal: [1],
  prepare: ([a, b]) => {
    const held = [0, 1].map(() => alloc(a!, 240));
    const theirs = held.map((object) => share(a!, object, b!));
    for (const object of held) expectCode('drop', a!.core.shmDrop(object));
    return [
      function* (note) {
        const mine: number[] = [];
        for (let index = 0; index < 2; index++) mine.push(yield call('shmAlloc', 240, 0));
        if (!mine.every(isOffset)) note(`alloc answered ${mine}`);
        const code = yield call('shmCollect');
        if (code !== codes.OK) note(`collect answered ${code}`);
      },
      (note) => steps(note, ...theirs.map((object) => call('shmDrop', object))),
    ];
  },
};

/** A segment whose owner left, with an object of `heir`'s in it. */
function abandonedSegment(world: World, heir: SimulatedClient): number {
  const gone = heapClient(world, 5);
  const kept = share(gone, alloc(gone, 60), heir);
  expectCode('leave', gone.core.leave());
  return kept;
}

export const adoptAndAdopt: Scenario = {
  title: 'two adopt the same segment, while its last object is dropped',
  actors: 3,
  mortal: [0],
  prepare: ([a, b, c], world) => {
    // All have a segment of their own first: nobody adopts before it is told to.
    for (const client of [a, b, c]) alloc(client!, 16);
    const kept = abandonedSegment(world, c!);
    return [
      (note) => steps(note, call('shmCollect')),
      (note) => steps(note, call('shmCollect')),
      (note) => steps(note, call('shmDrop', kept)),
    ];
  },
};

export const claimTheLast: Scenario = {
  title: 'two claim the last free segment',
  options: { segments: 3 },
  actors: 2,
  mortal: [0],
  prepare: ([a, b]) => {
    for (const client of [a, b]) alloc(client!, 16);
    return [a, b].map(
      () =>
        function* (note): Program {
          const answer = yield call('shmAlloc', 4_080, 0);
          if (!isOffset(answer) && answer !== codes.HEAP_FULL) note(`alloc answered ${answer}`);
        },
    );
  },
};

export const acquireAndChange: Scenario = {
  title: 'one acquires what another changes and disposes of, and a third takes the memory',
  actors: 2,
  mortal: [0],
  prepare: ([a, b]) => {
    const x = alloc(a!, 48);
    mark(a!, x, 1);
    const y = alloc(a!, 48);
    mark(a!, y, 2);
    const parent = parentOf(a!, 1, x);
    expectCode('drop', a!.core.shmDrop(x));
    const theirs = share(a!, parent, b!);
    return [
      function* (note) {
        yield* steps(note, call('shmChange', parent, 0, y));
        // Memory of the same class: what was disposed of is used again.
        const other = yield call('shmAlloc', 48, 0);
        if (!isOffset(other)) note(`alloc answered ${other}`);
        else a!.world.poolBytes((yield call('shmPayload', other)) >>> 0, 1)[0] = 3;
      },
      (note) => acquiring(note, b!, theirs, 0, [1, 2]),
    ];
  },
};

export const acquireAndFastDrop: Scenario = {
  title:
    'one acquires through a slot whose writer died over emptying it, while the allocator drops the last root and allocates again',
  actors: 2,
  leavesDead: true,
  prepare: ([owner, reader], world) => {
    const writer = heapClient(world, 5);
    const object = alloc(owner!, 48);
    mark(owner!, object, 1);
    const held = pass(owner!, object, writer);
    const parent = parentOf(writer, 1, held);
    expectCode('drop', writer.core.shmDrop(held));
    const theirs = pass(writer, parent, reader!);
    writer.arm(world.mutant === 57 ? 'shm/detach/after-commit' : 'shm/release/after-commit');
    writer.attempt((core) => core.shmDetach(parent, 0));
    if (!writer.isDead) throw new Error('the writer did not die');
    return [
      function* (note) {
        yield* steps(note, call('shmDrop', object));
        const other = yield call('shmAlloc', 48, 0);
        if (!isOffset(other)) note(`alloc answered ${other}`);
        else owner!.world.poolBytes((yield call('shmPayload', other)) >>> 0, 1)[0] = 3;
      },
      (note) => acquiring(note, reader!, theirs, 0, [1]),
    ];
  },
};

export const dropWhileReleased: Scenario = {
  title: 'one drops the last root of its object, whose other holder may die over emptying its slot',
  actors: 2,
  mortal: [1],
  prepare: ([owner, writer]) => {
    const object = alloc(owner!, 48);
    const held = pass(owner!, object, writer!);
    const parent = parentOf(writer!, 1, held);
    expectCode('drop', writer!.core.shmDrop(held));
    return [(note) => steps(note, call('shmDrop', object)), (note) => steps(note, call('shmDetach', parent, 0))];
  },
};

export const fullQueue: Scenario = {
  title: 'one sends into a full queue as soon as another takes something out',
  actors: 2,
  mortal: [1],
  prepare: ([a, b]) => {
    const object = alloc(a!, 16);
    const queue = openQueue(a!, b!);
    for (let filled = 0; filled < 8; filled++) expectCode('fill', a!.core.shmFill(queue, object, 0));
    expectCode('publish', a!.core.shmPublish(queue));
    return [
      function* (note) {
        for (let tries = 0; tries < 3; tries++) {
          const code = yield call('shmFill', queue, object, 0);
          if (code === codes.FULL) continue;
          if (code !== codes.OK && code !== codes.CLOSED) note(`fill answered ${code}`);
          break;
        }
        yield* steps(note, call('shmPublish', queue));
      },
      (note) => receiving(note, queue, 2),
    ];
  },
};

export const closeBothSides: Scenario = {
  title: 'both sides close a queue with references in it, sent and not sent',
  actors: 2,
  mortal: [0],
  prepare: ([a, b]) => {
    const queue = openQueue(a!, b!);
    const object = alloc(a!, 16);
    for (const publishes of [true, false]) {
      expectCode('fill', a!.core.shmFill(queue, object, 0));
      if (publishes) expectCode('publish', a!.core.shmPublish(queue));
    }
    return [0, 1].map(() => (note: Note) => steps(note, call('shmCloseQueue', queue)));
  },
  expectAtEnd: noQueueIsLeft,
};

export const receiverClosesAndDies: Scenario = {
  ...closeBothSides,
  title: 'both sides close a queue, and the receiver may die over it',
  mortal: [1],
};

function noQueueIsLeft(world: World): readonly string[] {
  return heapOf(world).queues.map(({ index, state }) => `queue ${index} is ${state}`);
}

export const openTowardsOneWhoLeaves: Scenario = {
  title: 'one opens a queue, sends and closes, while its receiver leaves',
  actors: 2,
  prepare: ([a, b]) => {
    const object = alloc(a!, 16);
    const receiver = b!.core.selfClient();
    return [(note) => openingAndSending(note, receiver, object), (note) => steps(note, call('leave'))];
  },
  expectAtEnd: noQueueIsLeft,
};

export const openTowardsOneWhoDies: Scenario = {
  title: 'one opens a queue, sends and closes, while its receiver is recovered',
  actors: 2,
  mortal: [0],
  prepare: ([a, b], world) => {
    const object = alloc(a!, 16);
    const dead = heapClient(world, 5);
    const receiver = dead.core.selfClient();
    dead.kill();
    alloc(b!, 16);
    return [(note) => openingAndSending(note, receiver, object), (note) => burying(world, [dead], note)];
  },
  expectAtEnd: noQueueIsLeft,
};

function* openingAndSending(note: Note, receiver: number, object: number): Program {
  const opened = yield call('shmOpenQueue', receiver, 0, 0);
  if (opened < codes.CODE_LIMIT) {
    if (opened !== codes.NOT_FOUND) note(`open answered ${opened}`);
    return;
  }
  const queue = opened - codes.CODE_LIMIT;
  const code = yield call('shmFill', queue, object, 0);
  if (code !== codes.OK && code !== codes.CLOSED) note(`fill answered ${code}`);
  yield* steps(note, call('shmPublish', queue), call('shmCloseQueue', queue));
}

export const nameAndName: Scenario = {
  title: 'two set the same name',
  actors: 2,
  mortal: [0],
  prepare: ([a, b]) => {
    const held = [a, b].map((client) => alloc(client!, 16));
    const bytes = [a, b].map((client) => client!.name('tree'));
    expectCode('set', a!.core.shmSetName(bytes[0]!, held[0]!));
    return [0, 1].map(
      (index) =>
        function* (note: Note): Program {
          const code = yield call('shmSetName', bytes[index]!, index === 0 ? 0 : held[index]!);
          if (code !== codes.OK && code !== codes.BUSY) note(`set answered ${code}`);
        },
    );
  },
  expectAtEnd: (_, [, b]) => {
    const code = b!.core.shmSetName(b!.name('tree'), 0);
    return code === codes.OK ? [] : [`clearing the name was answered ${code}`];
  },
};

export const hugeAndCollect: Scenario = {
  title: 'two collect a huge object that nobody disposes of any more, and one claims what that gave',
  options: { segments: 5 },
  actors: 2,
  prepare: ([a, b], world) => {
    for (const client of [a, b]) alloc(client!, 16);
    const huge = alloc(a!, 9_000);
    corpseOfNobody(world, a!, huge);
    return [
      function* (note) {
        const answer = yield call('shmAlloc', 9_000, 0);
        if (!isOffset(answer) && answer !== codes.HEAP_FULL) note(`alloc answered ${answer}`);
      },
      function* (note) {
        const answer = yield call('shmAlloc', 5_000, 0);
        if (!isOffset(answer) && answer !== codes.HEAP_FULL) note(`alloc answered ${answer}`);
        const other = yield call('shmAlloc', 4_080, 0);
        if (!isOffset(other) && other !== codes.HEAP_FULL) note(`alloc answered ${other}`);
      },
    ];
  },
};

/** Lets somebody take over what `held` holds, count it to zero, and die before it gives it back. */
function corpseOfNobody(world: World, owner: SimulatedClient, held: number): void {
  const disposer = heapClient(world, 5);
  // It needs no root, and so no segment: it dies over closing a queue with the last reference in it.
  const sent = openQueue(owner, disposer);
  expectCode('fill', owner.core.shmFill(sent, held, 1));
  expectCode('publish', owner.core.shmPublish(sent));
  expectCode('close', owner.core.shmCloseQueue(sent));
  disposer.arm('shm/drain/after-pop');
  disposer.attempt((core) => core.shmCloseQueue(sent));
  if (!disposer.isDead) throw new Error('the disposer did not die');
  bury(world.clients.at(-2)!, [disposer]);
}

export const leaveAndLook: Scenario = {
  title: 'one looks at a huge object whose allocator disposes of it, leaves, comes back, and takes the memory again',
  options: { segments: 6 },
  actors: 2,
  prepare: ([a, b]) => {
    alloc(b!, 16);
    const huge = alloc(a!, 9_000);
    mark(a!, huge, 1);
    const parent = parentOf(a!, 1, huge);
    expectCode('drop', a!.core.shmDrop(huge));
    const theirs = share(a!, parent, b!);
    return [
      function* (note) {
        yield* steps(note, call('shmDetach', parent, 0), call('leave'), call('join', 1, a!.process, 0), call('shmOpen', 0));
        const again = yield call('shmAlloc', 9_000, 0);
        if (!isOffset(again)) {
          if (again !== codes.HEAP_FULL) note(`alloc answered ${again}`);
          return;
        }
        a!.world.poolBytes((yield call('shmPayload', again)) >>> 0, 1)[0] = 3;
      },
      (note) => acquiring(note, b!, theirs, 0, [1]),
    ];
  },
};

export const scenarios: readonly Scenario[] = [
  linkAndUnlink,
  changeAndUnlinkOld,
  changeAndChangeBack,
  linkChangeUnlink,
  changeLast,
  sendAndReceive,
  sendAndKeep,
  sendAndWorkOn,
  receiverDies,
  releaseTheLastTwo,
  allocateAndFreeAndSweep,
  adoptAndAdopt,
  claimTheLast,
  acquireAndChange,
  acquireAndFastDrop,
  dropWhileReleased,
  fullQueue,
  closeBothSides,
  receiverClosesAndDies,
  openTowardsOneWhoLeaves,
  openTowardsOneWhoDies,
  nameAndName,
  hugeAndCollect,
  leaveAndLook,
];
