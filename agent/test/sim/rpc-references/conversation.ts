/** Calls with references in both directions, one of the two sides mortal: what the sweeps kill, recover and audit. */
import { codes } from '../../../src/layout/index.ts';
import { connect, listen, RpcError } from '../../../src/rpc/index.ts';
import { ReferenceCaller } from '../../../src/rpc/reference-caller.ts';
import { type ReferenceRequest, ReferenceServer } from '../../../src/rpc/reference-server.ts';
import type { HeapClient, Ref } from '../../../src/shm/index.ts';
import { bury, heapClient, heapOf, heapWorld, remains } from '../heap/heap-world.ts';
import { isWrite } from '../memory-profile.ts';
import type { SimulatedClient, World, WorldSnapshot } from '../simulator.ts';
import { coreOf, exposePool, heapOver, type Mistake } from './simulated-end.ts';

export type Side = 'caller' | 'server';

/** When the dead is recovered: at once, while the survivor goes on; or after the survivor has closed. */
export type Burial = 'at once' | 'last';

export interface Stage {
  readonly world: World;
  readonly caller: SimulatedClient;
  readonly server: SimulatedClient;
  readonly undertaker: SimulatedClient;
  readonly heir: SimulatedClient;
  readonly before: WorldSnapshot;
}

export function stageOf(): Stage {
  // A call of four objects and a large message, the rest of two segments to each side.
  const world = heapWorld({ segments: 12 });
  const [caller, server, undertaker, heir] = [1, 2, 3, 4].map((machine) => heapClient(world, machine)) as [
    SimulatedClient,
    SimulatedClient,
    SimulatedClient,
    SimulatedClient,
  ];
  return { world, caller, server, undertaker, heir, before: world.snapshot() };
}

export interface Death {
  readonly side: Side;
  /** Dies instead of making its n-th access of the conversation; 0: does not die. */
  readonly access: number;
  readonly burial: Burial;
  /** The recoverer dies at this access of its own, and another one buries both; 0: it lives. */
  readonly second?: number;
}

export interface Outcome {
  readonly problems: readonly string[];
  /** It reached the end of the conversation, so that there are no more accesses to die at. */
  readonly survived: boolean;
  /** Accesses that the mortal side, and its recoverer, made. */
  readonly accesses: number;
  readonly recoveryAccesses: number;
}

export interface Talk {
  readonly here: HeapClient;
  readonly there: HeapClient;
  readonly calls: ReferenceCaller;
  readonly server: ReferenceServer;
  /** What the steps hand to later ones. */
  readonly slots: number[];
  readonly requests: ReferenceRequest[];
  readonly kept: Ref[];
  readonly isCallerDead: () => boolean;
}

const empty = new Uint8Array(0);
const payloadBytes = 64;

/** A step of one side; it may find its other side dead at any of them. */
export type Step = readonly [side: Side, act: (talk: Talk) => void];

export const alloc = (heap: HeapClient, number: number): Ref => {
  const ref = heap.alloc(8, 1);
  ref.view.setUint32(0, number);
  return ref;
};

export const numberOf = (ref: Ref): number => ref.view.getUint32(0);

export function expectThat(holds: boolean, what: string): void {
  if (!holds) throw new Error(`expected that ${what}`);
}

/** What was to be moved and was not sent is dropped, as a program does. */
function send({ calls, slots }: Talk, refs: readonly Ref[], move: boolean, request = empty): void {
  try {
    const slot = calls.send(request, { refs, move });
    expectThat(slot !== undefined, 'a call with a free slot is sent');
    slots.push(slot!);
  } finally {
    if (move) for (const ref of refs) ref[Symbol.dispose]();
  }
}

function take({ server, requests, isCallerDead }: Talk, numbers: readonly number[]): void {
  const request = server.take(1);
  // One whose caller was recovered before anybody knew who it was is refused: nobody waits for the answer.
  if (request === 'idle' || request === 'peer-lost' || request === 'closed' || (request === 'refused' && isCallerDead())) return;
  expectThat(typeof request !== 'string', `an honest request is served, not ${request as string}`);
  const taken = request as ReferenceRequest;
  const found = taken.refs.map(numberOf);
  expectThat(found.join() === numbers.join(), `a request brings ${numbers.join()}, not ${found.join()}`);
  requests.push(taken);
}

/** Answers the request that was taken `which`-th; it may never have come. */
function reply(
  { server, requests, there }: Talk,
  which: number,
  make: (request: ReferenceRequest, heap: HeapClient) => readonly Ref[],
): void {
  const request = requests[which];
  if (request !== undefined) server.reply(request.slot, { refs: make(request, there) });
}

function look({ calls, slots }: Talk, which: number, numbers: readonly number[]): void {
  const slot = slots[which];
  const answer = slot === undefined ? undefined : calls.poll(slot);
  if (answer === undefined) return;
  expectThat(answer.status === codes.OK, `a call is answered OK, not ${answer.status}`);
  const found = answer.refs.map(numberOf);
  expectThat(found.join() === numbers.join(), `a response brings ${numbers.join()}, not ${found.join()}`);
  for (const ref of answer.refs) ref.drop();
  calls.finish(slot!);
}

export const conversation: readonly Step[] = [
  // Two calls in flight: copies that stay, with a child, and moves.
  [
    'caller',
    (talk) => {
      const parent = alloc(talk.here, 1);
      const child = alloc(talk.here, 2);
      parent.attach(0, child);
      child.drop();
      talk.kept.push(parent);
      send(talk, [parent], false);
    },
  ],
  ['caller', (talk) => send(talk, [alloc(talk.here, 3), alloc(talk.here, 4)], true)],
  ['server', (talk) => take(talk, [1])],
  ['server', (talk) => take(talk, [3, 4])],
  // Answered in the other order, one of them with what it was given; the parent's child is edited in place.
  ['server', (talk) => reply(talk, 1, ({ refs }, heap) => [alloc(heap, 5), refs[0]!])],
  [
    'server',
    (talk) =>
      reply(talk, 0, ({ refs }, heap) => {
        using item = alloc(heap, 6);
        refs[0]!.change(0, item);
        return [refs[0]!.clone()];
      }),
  ],
  ['caller', (talk) => look(talk, 0, [1])],
  ['caller', (talk) => look(talk, 1, [5, 3])],
  [
    'caller',
    (talk) => {
      const [parent] = talk.kept;
      using item = parent!.acquire(0);
      if (item !== undefined) expectThat([2, 6].includes(numberOf(item)), 'the child is the one or the other');
      parent!.drop();
      talk.kept.length = 0;
    },
  ],
  // A call that nobody waits for: its response's references are dropped when it comes. A message that is too long for the buffers.
  [
    'caller',
    (talk) => {
      send(talk, [alloc(talk.here, 7)], true);
      talk.calls.abandon(talk.slots.at(-1)!);
    },
  ],
  ['server', (talk) => take(talk, [7])],
  ['server', (talk) => reply(talk, 2, (_request, heap) => [alloc(heap, 8)])],
  ['caller', (talk) => send(talk, [], false, new Uint8Array(100).fill(9))],
  ['server', (talk) => take(talk, [])],
  [
    'server',
    ({ server, requests }) => {
      const request = requests[3];
      if (request === undefined) return;
      expectThat(request.bytes.length === 100 && request.bytes[99] === 9, 'a large request is whole');
      server.reply(request.slot, { bytes: request.bytes });
    },
  ],
  [
    'caller',
    ({ calls, slots }) => {
      const answer = slots.length > 3 ? calls.poll(slots[3]!) : undefined;
      if (answer === undefined) return;
      expectThat(answer.bytes.length === 100 && answer.bytes[0] === 9, 'the large response is whole');
      calls.finish(slots[3]!);
    },
  ],
  // On its way in both directions when they close.
  ['caller', (talk) => send(talk, [alloc(talk.here, 10)], true)],
  ['caller', (talk) => send(talk, [alloc(talk.here, 11)], true)],
  ['server', (talk) => take(talk, [10])],
  ['server', (talk) => reply(talk, 4, (_request, heap) => [alloc(heap, 12)])],
];

const closing: readonly Step[] = [
  [
    'caller',
    ({ calls, kept }) => {
      for (const ref of kept.splice(0)) ref.drop();
      calls.close();
    },
  ],
  ['server', ({ server }) => server.close()],
];

export interface Play {
  readonly steps?: readonly Step[];
  readonly mistake?: Mistake | undefined;
}

/** Plays the conversation with this death in it, recovers, audits. */
export function play(stage: Stage, death: Death, { steps = conversation, mistake }: Play = {}): Outcome {
  const { world, caller, server, before } = stage;
  world.restore(before);
  exposePool(caller);
  const mortal = death.side === 'caller' ? caller : server;
  const talk = begin(stage, mistake);
  let isBuried = false;
  let recoveryAccesses = 0;
  const buryTheDead = (): void => {
    if (isBuried || !mortal.isDead) return;
    isBuried = true;
    recoveryAccesses = recover(stage, mortal, death.second ?? 0);
  };

  mortal.crashAtAccess(death.access);
  for (const [side, act] of [...steps, ...(death.burial === 'last' ? closing : [])]) {
    runStep(side === 'caller' ? caller : server, () => act(talk));
    if (death.burial === 'at once') buryTheDead();
  }
  if (death.burial === 'at once')
    for (const [side, act] of closing) runStep(side === 'caller' ? caller : server, () => act(talk));
  const survived = !mortal.isDead;
  const { accesses } = mortal;
  mortal.crashAtAccess(0);
  buryTheDead();
  return { problems: problemsOf(stage, talk, mortal), survived, accesses, recoveryAccesses };
}

/** The accesses at which the side's death makes a difference: those that write. */
export function writesOf(stage: Stage, side: Side, burial: Burial): readonly number[] {
  const client = stage[side];
  const writes = new Set<number>();
  const watch: Step = [
    side,
    () => {
      stage.world.onAccess = (who, what) => {
        if (who === client && isWrite(what)) writes.add(client.accesses);
      };
    },
  ];
  const { accesses } = play(stage, { side, burial, access: 0 }, { steps: [watch, ...conversation] });
  return [...writes].filter((access) => access <= accesses);
}

/** The connection, and a first call in each direction that opens no queue: the death is in the conversation. */
function begin({ caller, server }: Stage, mistake?: Mistake): Talk {
  const cores = [caller, server].map((client) => coreOf(client, mistake)) as [
    ReturnType<typeof coreOf>,
    ReturnType<typeof coreOf>,
  ];
  const [here, there] = cores.map(heapOver) as [HeapClient, HeapClient];
  const serving = new ReferenceServer(listen(cores[1], 'objects', { window: 8, payloadBytes }), there);
  const calls = new ReferenceCaller(connect(cores[0], 'objects', { deadlineMs: 0 }), here);
  return { here, there, calls, server: serving, slots: [], requests: [], kept: [], isCallerDead: () => caller.isDead };
}

/** Of a dead client nothing is run; a living one may be told that its other side is gone, or that its connection is over. */
function runStep(client: SimulatedClient, act: () => void): void {
  if (client.isDead) return;
  try {
    act();
  } catch (error) {
    if (client.isDead) return;
    if (error instanceof RpcError && ['PEER_LOST', 'OUTCOME_UNKNOWN', 'CLOSED'].includes(error.code)) return;
    throw error;
  }
}

/** How many accesses the recoverer made. */
function recover({ undertaker, heir }: Stage, dead: SimulatedClient, second: number): number {
  undertaker.crashAtAccess(second);
  bury(undertaker, [dead]);
  const { accesses } = undertaker;
  undertaker.crashAtAccess(0);
  if (undertaker.isDead) bury(heir, [undertaker, dead]);
  return accesses;
}

function problemsOf({ world, caller, server }: Stage, talk: Talk, mortal: SimulatedClient): readonly string[] {
  const problems: string[] = [];
  for (const [client, heap] of [
    [caller, talk.here],
    [server, talk.there],
  ] as const) {
    if (!client.isDead && heap.rootsInUse > 0) problems.push(`client ${client.index} forgot ${heap.rootsInUse} refs`);
  }
  const survivor = mortal === caller ? server : caller;
  // A queue that the dead opened after the survivor had closed is found with the next connection.
  settleWithAnother(survivor, mortal === caller ? talk.there : talk.here);
  const { queues } = heapOf(world);
  if (queues.length > 0) problems.push(`${queues.length} queues are left`);
  const { connections } = world.inspect();
  if (connections.length > 0) problems.push(`${connections.length} connections are left`);
  return [...problems, ...remains(world)];
}

function settleWithAnother(survivor: SimulatedClient, heap: HeapClient): void {
  if (survivor.isDead) return;
  const another = new ReferenceServer(listen(coreOf(survivor), 'another'), heap);
  another.close();
}
