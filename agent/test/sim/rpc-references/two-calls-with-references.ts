/**
 * Two calls with a reference each, in both directions, a step at a time, for every schedule and every death: the rings of a connection and the
 * queues of references beside them, as `ReferenceCaller` and `ReferenceServer` use them. What goes where is told by what cannot be wrong
 * unseen: call n brings object n, and the length of its response says which reference of the queue it brings.
 */
import { codes, constants } from '../../../src/layout/index.ts';
import { connectTo, listenAs } from '../calls.ts';
import { bury, heapClient, heapOf, heapWorld, remains, root } from '../heap/heap-world.ts';
import { type CrashChoice, type Exploration, explore, prepared } from '../schedules.ts';
import { call, type Program, type SimulatedClient, type World } from '../simulator.ts';

export type Side = 'caller' | 'server';

export interface Scene {
  readonly mutant?: number;
  /** Of two requests the later one is answered first. */
  readonly outOfOrder?: boolean;
  /** Who may die, at any access and at the end. */
  readonly dies?: Side | 'both';
  /** What somebody does wrong. */
  readonly mistake?:
    | 'sends before the reference is there'
    | 'answers before the reference is there'
    | 'keeps what came with a request';
}

const [callerIndex, serverIndex, undertakerIndex] = [1, 2, 3];
const windowLog2 = 1;
const callCount = 2;
const lengthBytes = 8;

interface Stage {
  readonly world: World;
  readonly queues: Readonly<Record<Side, number>>;
  /** Roots of the caller, one for each call, and the offsets of their objects. */
  readonly roots: readonly number[];
  readonly objects: readonly number[];
  /** Of the server: what it answers the second call with. */
  readonly gift: number;
  readonly giftObject: number;
}

interface Log {
  readonly problems: string[];
  readonly executed: number[];
  readonly ended: number[];
}

export function searchCallsWithReferences(scene: Scene): Exploration & { readonly outcomes: ReadonlySet<string> } {
  const outcomes = new Set<string>();
  let stage: Stage;
  let log: Log = { problems: [], executed: [], ended: [] };
  const crashes: CrashChoice[] = [];
  // Buried at the end: what recovery does beside others is for the scenarios of the heap.
  for (const [side, client] of Object.entries({ caller: callerIndex, server: serverIndex })) {
    if (scene.dies === side || scene.dies === 'both') crashes.push({ client, onCrash: () => {}, afterEnd: true });
  }
  const exploration = explore(
    prepared(
      () => {
        stage = setUp(scene.mutant ?? 0);
        return stage.world;
      },
      () => {
        log = { problems: [], executed: [0, 0], ended: [0, 0] };
      },
    ),
    (world) => {
      world.clients[callerIndex]!.start(calling(world.clients[callerIndex]!, stage, scene, log));
      world.clients[serverIndex]!.start(serving(world.clients[serverIndex]!, stage, scene, log));
    },
    (world) => {
      const problems = judge(world, stage, log);
      if (problems.length === 0) outcomes.add(`executed ${log.executed.join()}, ended ${log.ended.join()}`);
      return problems;
    },
    { crashes },
  );
  return { ...exploration, outcomes };
}

/** Everything is allocated and opened beforehand, so that the programs are the few accesses that matter. */
function setUp(mutant: number): Stage {
  const world = heapWorld({ mutant });
  const [caller, server] = [heapClient(world, 1), heapClient(world, 2)];
  heapClient(world, 3);
  listenAs(server, 'objects', { windowLog2 });
  connectTo(caller, 'objects');
  server.core.rpcPollRequest(0, 1);
  const allocate = ({ core }: SimulatedClient): number => root(core.shmAlloc(16, 0));
  const roots = [allocate(caller), allocate(caller)];
  const gift = allocate(server);
  const open = (from: SimulatedClient, to: SimulatedClient): number =>
    from.core.shmOpenQueue(to.core.selfClient(), 0, 0) - codes.CODE_LIMIT;
  return {
    world,
    queues: { caller: open(caller, server), server: open(server, caller) },
    roots,
    objects: roots.map((each) => caller.core.shmPayload(each)),
    gift,
    giftObject: server.core.shmPayload(gift),
  };
}

function* mustBe(log: Log, expected: number, step: ReturnType<typeof call>): Program {
  const answer = yield step;
  if (answer !== expected) log.problems.push(`${step.fn} answered ${answer}`);
}

/** The first call copies its reference and the second one moves it. */
function* calling(caller: SimulatedClient, { queues, roots, objects, giftObject }: Stage, { mistake }: Scene, log: Log): Program {
  let sent = 0;
  const early = new Map<number, number>();
  let taken = 0;
  for (let polls = 0; polls < callCount + 1; polls++) {
    for (; sent < callCount; sent++) {
      const fill = mustBe(log, codes.OK, call('shmFill', queues.caller, roots[sent]!, sent));
      const publish = mustBe(log, codes.OK, call('shmPublish', queues.caller));
      const send = mustBe(log, constants.HANDLE_BASE + sent, call('rpcSend', 0, lengthBytes, sent + 1));
      yield* fill;
      if (mistake === 'sends before the reference is there') yield* send;
      yield* publish;
      if (mistake !== 'sends before the reference is there') yield* send;
      if (sent === 0) yield* mustBe(log, codes.OK, call('shmDrop', roots[0]!));
    }
    const slot = (yield call('rpcPollAny', 0)) - constants.HANDLE_BASE;
    if (slot < 0) continue;
    const status = yield call('rpcPoll', 0, slot, 1);
    if (status !== codes.OK) {
      log.problems.push(`call ${slot} ended with ${status}`);
      continue;
    }
    log.ended[slot]!++;
    const number = caller.lastMessage(0).lengthBytes;
    while (taken <= number) {
      const held = (yield call('shmReceive', queues.server)) >>> 0;
      if (held < codes.CODE_LIMIT) {
        log.problems.push(`the response of call ${slot} says reference ${number}, which is not there (${held})`);
        break;
      }
      early.set(taken++, held);
    }
    const held = early.get(number);
    early.delete(number);
    if (held !== undefined) {
      const object = yield call('shmPayload', held);
      const expected = slot === 0 ? objects[0] : giftObject;
      if (object !== expected) log.problems.push(`call ${slot} brings another object`);
      yield* mustBe(log, codes.OK, call('shmDrop', held));
    }
    yield* mustBe(log, codes.OK, call('rpcFinish', 0, slot));
  }
  for (const held of early.values()) yield* mustBe(log, codes.OK, call('shmDrop', held));
}

/** The first call is answered with its own reference, the second one with another object. */
function* serving(server: SimulatedClient, { queues, objects, gift }: Stage, { mistake, outOfOrder }: Scene, log: Log): Program {
  const requests: { readonly slot: number; readonly held: number }[] = [];
  let given = 0;
  for (let polls = 0; polls < callCount + 1; polls++) {
    const answer = yield call('rpcPollRequest', 0, 1);
    const slot = answer - constants.HANDLE_BASE;
    if (slot >= 0) {
      const number = server.lastMessage(0).kind - 1;
      log.executed[number] = (log.executed[number] ?? 0) + 1;
      const held = (yield call('shmReceive', queues.caller)) >>> 0;
      if (held < codes.CODE_LIMIT) log.problems.push(`request ${number} says a reference that is not there (${held})`);
      else {
        const object = yield call('shmPayload', held);
        if (object !== objects[number]) log.problems.push(`request ${number} brings another object`);
        requests.push({ slot, held });
      }
    } else if (answer !== codes.PENDING) log.problems.push(`the server was told ${answer}`);
    const isLast = polls === callCount;
    while (requests.length > 0 && (outOfOrder !== true || isLast || requests.length === callCount)) {
      const next = outOfOrder === true ? requests.pop()! : requests.shift()!;
      const fill = mustBe(log, codes.OK, call('shmFill', queues.server, next.slot === 0 ? next.held : gift, 1));
      const publish = mustBe(log, codes.OK, call('shmPublish', queues.server));
      const reply = mustBe(log, codes.OK, call('rpcReply', 0, next.slot, given++, codes.OK));
      yield* fill;
      if (mistake === 'answers before the reference is there') yield* reply;
      yield* publish;
      if (mistake !== 'answers before the reference is there') yield* reply;
      if (next.slot !== 0 && mistake !== 'keeps what came with a request')
        yield* mustBe(log, codes.OK, call('shmDrop', next.held));
    }
  }
}

/** Whoever lives hangs up, the dead is buried: every reference and every byte comes back, and nothing was executed or ended twice. */
function judge(world: World, { queues }: Stage, { problems, executed, ended }: Log): readonly string[] {
  const found = [...problems];
  const [caller, server] = [world.clients[callerIndex]!, world.clients[serverIndex]!];
  const dead = [caller, server].filter(({ isDead }) => isDead);
  bury(world.clients[undertakerIndex]!, dead);
  for (let number = 0; number < callCount; number++) {
    if (executed[number]! > 1 || ended[number]! > 1)
      found.push(`call ${number} was executed ${executed[number]} times and ended ${ended[number]} times`);
    if (ended[number]! > executed[number]!) found.push(`call ${number} ended and was not executed`);
  }
  for (const client of [caller, server]) {
    if (client.isDead) continue;
    client.core.rpcClose(0);
    for (const queue of Object.values(queues)) client.core.shmCloseQueue(queue);
  }
  const { connections } = world.inspect();
  if (connections.length > 0) found.push('the connection is left');
  // Who ends well holds nothing of the calls; what was not asked for is still the server's to give.
  const { objects } = heapOf(world);
  const expected = executed[1] === 0 ? 1 : 0;
  if (dead.length === 0 && objects !== expected) found.push(`${objects} objects are held instead of ${expected}`);
  return found.length > 0 ? found : remains(world);
}
