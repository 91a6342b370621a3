/**
 * Two calls, or three, in a window of two, a step at a time: for the search of every schedule and every death. Who they are, told by what
 * cannot be wrong unseen: a call's method is its number plus one, and the length of its response is its method.
 */
import { codes, constants } from '../../src/layout/index.ts';
import { openSlots } from './call-checks.ts';
import { startAt } from './calls.ts';
import { connectedWorld } from './checks.ts';
import { type CrashChoice, type Exploration, explore, prepared } from './schedules.ts';
import { call, type Program, type SimulatedClient, type World } from './simulator.ts';

export interface Scene {
  readonly mutant?: number;
  /** Sent by the caller, each once. */
  readonly calls: number;
  /** Each call is published twice. */
  readonly resends?: boolean;
  /** Nobody waits for the first call. */
  readonly abandons?: boolean;
  /** ... and its server is told so. */
  readonly cancels?: boolean;
  /** `out of order`: of two requests the later one is answered first. */
  readonly answers: 'in order' | 'out of order';
  readonly layout?: number;
  /** Number of the first call. */
  readonly startsAt?: number;
  /** Who may die, at any access. */
  readonly dies: readonly ('server' | 'caller')[];
}

/** What happened in one schedule. */
interface Log {
  /** By call. */
  readonly executed: number[];
  readonly sent: boolean[];
  readonly ended: (number | undefined)[];
  readonly problems: string[];
  /** Method of the request that was taken last in a slot. */
  readonly taken: number[];
}

const ids = { server: 0, caller: 1 } as const;
const windowLog2 = 1;
const window = 2 ** windowLog2;

export function searchCalls(scene: Scene): Exploration & { readonly outcomes: ReadonlySet<string> } {
  const outcomes = new Set<string>();
  let log: Log;
  const exploration = explore(
    prepared(() => {
      return metWorld(scene);
    }),
    (world) => {
      log = { executed: [], sent: [], ended: [], problems: [], taken: [] };
      for (let number = 0; number < scene.calls; number++) {
        log.executed.push(0);
        log.sent.push(false);
        log.ended.push(undefined);
      }
      const [server, caller] = [world.clients[0]!, world.clients[1]!];
      caller.start(calling(caller, scene, log));
      server.start(answering(server, scene, log));
    },
    (world) => {
      const problems = judge(world, scene, log);
      if (problems.length === 0) outcomes.add(outcomeOf(world, log));
      return problems;
    },
    { crashes: scene.dies.map(deathOf) },
  );
  return { ...exploration, outcomes };
}

/** Client 2 buries the server, client 3 the caller. */
function metWorld({ mutant = 0, layout: entryLayout = constants.LAYOUT_HARDENED, startsAt }: Scene): World {
  const world = connectedWorld(mutant, { windowLog2, layout: entryLayout });
  for (const machine of [3, 4]) world.client(machine);
  // The server has met its caller, and will be told how that one ended.
  world.clients[0]!.core.rpcPollRequest(0, 1);
  if (startsAt !== undefined) startAt(world, world.clients, startsAt, windowLog2);
  return world;
}

function deathOf(side: 'server' | 'caller'): CrashChoice {
  return { client: ids[side], onCrash: (world) => world.clients[2 + ids[side]]!.start(burying(ids[side])) };
}

function* burying(id: number): Program {
  yield call('grantFence', id, 1);
  yield call('recoverClient', id, 1);
}

const slotOf = (number: number): number => number % window;

function* calling(caller: SimulatedClient, { calls, resends, abandons, cancels }: Scene, log: Log): Program {
  let sent = 0;
  for (let polls = 0; polls < 3; polls++) {
    while (sent < calls) {
      const code = yield call('rpcSend', 0, 8, sent + 1);
      if (code < constants.HANDLE_BASE) break;
      log.sent[sent] = true;
      if (code !== constants.HANDLE_BASE + slotOf(sent)) log.problems.push(`call ${sent} was sent as ${code}`);
      sent++;
      if (abandons && sent === 1) yield call('rpcFinish', 0, code - constants.HANDLE_BASE);
      if (cancels && sent === 1) yield call('rpcCancel', 0, code - constants.HANDLE_BASE);
      if (resends) yield call('rpcResend', 0, code - constants.HANDLE_BASE);
    }
    const found = (yield call('rpcPollAny', 0)) - constants.HANDLE_BASE;
    if (found < 0) continue;
    const number = newestIn(found, sent);
    const status = yield call('rpcPoll', 0, found, 1);
    noteEnd(caller, log, number, status);
    if (status === codes.OK) yield call('rpcFinish', 0, found);
  }
}

function newestIn(slot: number, sent: number): number {
  return sent - 1 - ((sent - 1 - slot + window * sent) % window);
}

function noteEnd(caller: SimulatedClient, log: Log, number: number, status: number): void {
  if (status === codes.PENDING) return;
  if (log.ended[number] !== undefined) log.problems.push(`call ${number} ended twice`);
  log.ended[number] = status;
  const { lengthBytes } = caller.lastMessage(0);
  if (status === codes.OK && lengthBytes !== number + 1)
    log.problems.push(`call ${number} was given the response of call ${lengthBytes - 1}`);
}

function* answering(server: SimulatedClient, scene: Scene, log: Log): Program {
  const { calls, answers } = scene;
  const taken: number[] = [];
  for (let polls = 0; polls < calls + 1; polls++) {
    const code = yield call('rpcPollRequest', 0, 1);
    if (code >= constants.HANDLE_BASE) {
      taken.push(code - constants.HANDLE_BASE);
      noteTaken(server, code - constants.HANDLE_BASE, log);
    } else if (code !== codes.PENDING) return;
    const isLast = polls === calls;
    while (taken.length > 0 && (answers === 'in order' || isLast || taken.length === window)) {
      const slot = (answers === 'in order' ? taken.shift() : taken.pop())!;
      if (
        scene.cancels &&
        (yield call('rpcIsCancelled', 0, slot)) === 1 &&
        ![1, constants.KIND_CANCELLED].includes(log.taken[slot]!)
      )
        log.problems.push(`call ${log.taken[slot]! - 1} is taken for one that was cancelled`);
      yield call('rpcReply', 0, slot, ...answerOf(slot, log));
    }
  }
}

/** Length and status: the length says the method, which may be another one in the entry by now. */
function answerOf(slot: number, { taken }: Log): [number, number] {
  const method = taken[slot] ?? 0;
  return method === constants.KIND_CANCELLED ? [0, codes.REFUSED] : [method, codes.OK];
}

function noteTaken(server: SimulatedClient, slot: number, log: Log): void {
  const { kind } = server.lastMessage(0);
  log.taken[slot] = kind;
  if (kind === constants.KIND_CANCELLED) {
    if (slot !== 0 || log.executed[0] !== 0) log.problems.push(`a call was cancelled that nobody cancelled, in slot ${slot}`);
  } else noteExecution(server, log);
}

function noteExecution(server: SimulatedClient, log: Log): void {
  const number = server.lastMessage(0).kind - 1;
  if (log.executed[number] === undefined) log.problems.push(`a call was executed that nobody made: ${number}`);
  else log.executed[number]!++;
  if (log.executed.slice(number + 1).some((count) => count > 0))
    log.problems.push(`call ${number} was executed after a later one`);
}

/** The survivors go on until every call has ended; then the books are compared. */
function judge(world: World, scene: Scene, log: Log): readonly string[] {
  const [server, caller] = [world.clients[0]!, world.clients[1]!];
  const problems = [...log.problems, ...world.inspect().problems];
  if (!caller.isDead && !world.clients.some((client) => client.isRunning)) problems.push(...slotsInUse(world, caller));
  if (!server.isDead) finishServing(server, scene, log);
  if (!caller.isDead) problems.push(...finishCalling(world, scene, log));
  if (!server.isDead) finishServing(server, scene, log);
  for (const [number, count] of log.executed.entries()) {
    if (count > 1) problems.push(`call ${number} was executed ${count} times`);
    if (log.ended[number] === codes.OK && count !== 1) problems.push(`call ${number} was answered and executed ${count} times`);
    if (count > 0 && !log.sent[number] && !caller.isDead) problems.push(`call ${number} was executed and not sent`);
  }
  problems.push(...log.problems);
  problems.push(...hangUp(world));
  return [...new Set(problems)];
}

/** A slot with a call in flight is the caller's to wait for. */
function slotsInUse(world: World, caller: SimulatedClient): readonly string[] {
  const connection = world.inspect().connections[0];
  if (connection === undefined || connection.state !== 'open') return [];
  const open = openSlots(caller);
  let count = 0;
  for (let slot = 0; slot < window; slot++) if ((open >> BigInt(slot)) & 1n) count++;
  return connection.inFlight <= count ? [] : [`${connection.inFlight} calls are in flight in ${count} slots`];
}

function finishServing(server: SimulatedClient, scene: Scene, log: Log): void {
  for (let slot = 0; slot < window; slot++) server.core.rpcReply(0, slot, ...answerOf(slot, log));
  for (let number = 0; number < scene.calls; number++) {
    const code = server.core.rpcPollRequest(0, 1);
    if (code < constants.HANDLE_BASE) return;
    const slot = code - constants.HANDLE_BASE;
    noteTaken(server, slot, log);
    server.core.rpcReply(0, slot, ...answerOf(slot, log));
  }
}

/** Every call that was sent ends: answered, or, of a server that is dead, of unknown outcome. What was not sent is told why. */
function finishCalling(world: World, { abandons }: Scene, log: Log): readonly string[] {
  const [server, caller] = [world.clients[0]!, world.clients[1]!];
  const problems: string[] = [];
  const sent = log.sent.filter((wasSent) => wasSent).length;
  const isAwaited = (number: number): boolean => number > 0 || abandons !== true;
  for (let number = Math.max(0, sent - window); number < sent; number++) {
    if (log.ended[number] !== undefined || !isAwaited(number)) continue;
    const status = caller.core.rpcPoll(0, slotOf(number), 1);
    noteEnd(caller, log, number, status);
    if (status !== codes.OK && !(server.isDead && status === codes.OUTCOME_UNKNOWN))
      problems.push(`call ${number} ended with ${status}`);
    caller.core.rpcFinish(0, slotOf(number));
  }
  for (let number = 0; number < sent; number++) {
    if (log.ended[number] === undefined && isAwaited(number)) problems.push(`call ${number} never ended`);
  }
  const next = caller.core.rpcSend(0, 8, 1);
  if (server.isDead) {
    // A call that nobody waits for keeps its slot, and the caller does not look for its end.
    const isHeld = abandons === true && next === codes.BUSY;
    if (next !== codes.PEER_LOST && !isHeld) problems.push(`after the death of the server a call was answered with ${next}`);
    return problems;
  }
  if (next < constants.HANDLE_BASE) problems.push(`the next call was answered with ${next}`);
  else {
    server.core.rpcServeLoop(0, 2, 1);
    const slot = next - constants.HANDLE_BASE;
    if (caller.core.rpcPoll(0, slot, 1) !== codes.OK) problems.push('the next call was not answered');
    caller.core.rpcFinish(0, slot);
  }
  problems.push(...slotsInUse(world, caller));
  if (openSlots(caller) !== 0n) problems.push('a slot is in use after all calls');
  return problems;
}

/** Whoever lives closes; then nothing is left of the connection. */
function hangUp(world: World): readonly string[] {
  const [server, caller] = [world.clients[0]!, world.clients[1]!];
  const problems: string[] = [];
  if (!server.isDead && caller.isDead) {
    const code = server.core.rpcPollRequest(0, 1);
    if (code !== codes.PEER_LOST) problems.push(`after the death of the caller the server was told ${code}`);
  }
  for (const client of [server, caller]) if (!client.isDead) client.core.rpcClose(0);
  const { connections, problems: found } = world.inspect();
  if (connections.length !== 0) problems.push(`the connection is still ${connections[0]!.state}`);
  return [...problems, ...found];
}

function outcomeOf(world: World, log: Log): string {
  const dead = (['server', 'caller'] as const).filter((side) => world.clients[ids[side]]!.isDead);
  const calls = log.executed.map(
    (count, number) => `${log.sent[number] ? 'sent' : 'not sent'}, executed ${count}, ended ${log.ended[number]}`,
  );
  return `${dead.join(' and ') || 'nobody'} dead: ${calls.join('; ')}`;
}

/**
 * The same by the core's own loops, which write and compare payloads: two calls at once, of a batch of three. `serverDies`: at any access,
 * and then the batch ends with what is told of a call that was sent, or of one that was not.
 */
export function searchBatch({ mutant = 0, serverDies }: { readonly mutant?: number; readonly serverDies: boolean }): Exploration {
  const calls = 3;
  let answers: number[] = [];
  return explore(
    prepared(() => metWorld({ mutant, calls, answers: 'in order', dies: [] })),
    (world) => {
      answers = [];
      world.clients[1]!.start(callingBatch(calls, answers));
      world.clients[0]!.start(looping());
    },
    (world) => {
      const [server, caller] = [world.clients[0]!, world.clients[1]!];
      const problems = [...world.inspect().problems];
      let code = answers.at(-1)!;
      for (let polls = 0; code === codes.PENDING && polls < 4; polls++) {
        if (!server.isDead) server.core.rpcServeLoop(0, 4, 1);
        code = caller.core.rpcCallBatch(0, calls - doneOf(caller), 16, 2, 1);
      }
      const expected: readonly number[] = server.isDead ? [codes.OK, codes.OUTCOME_UNKNOWN, codes.PEER_LOST] : [codes.OK];
      if (!expected.includes(code)) problems.push(`the batch ended with ${code}`);
      if (code === codes.OK && doneOf(caller) !== calls) problems.push(`${doneOf(caller)} of ${calls} calls were done`);
      if (!server.isDead && server.core.rpcServed(0) !== calls) problems.push(`${server.core.rpcServed(0)} calls were executed`);
      return [...problems, ...hangUp(world)];
    },
    { crashes: serverDies ? [deathOf('server')] : [] },
  );
}

/** Calls of this handle that are over. */
function doneOf(caller: SimulatedClient): number {
  return caller.core.rpcFinished(0);
}

function* callingBatch(calls: number, answers: number[]): Program {
  for (let polls = 0; polls < 2; polls++) {
    const done = yield call('rpcFinished', 0);
    if (done === calls) return;
    answers.push(yield call('rpcCallBatch', 0, calls - done, 16, 2, 1));
  }
}

function* looping(): Program {
  for (let polls = 0; polls < 2; polls++) yield call('rpcServeLoop', 0, 2, 1);
}
