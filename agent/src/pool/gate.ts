/**
 * The coherence gate (design D1): run on all machines of the pod at once; each gets the same totals. Between machines only what
 * is tested is used: loads, stores and swaps of aligned words, and barriers made of them.
 */
import { codes, constants } from '../layout/index.ts';
import type { GateResult } from '../protocol/tasks.ts';
import type { Core } from './core.ts';
import { looksPerPoll } from './poll.ts';
import { PoolError } from './pool-error.ts';

interface GateOptions {
  readonly machines: number;
  readonly machineNumber: number;
  readonly iterations: number;
  readonly deadlineMs: number;
}

/** Rounds of every litmus test for each ordered pair of neighbours; a round is GATE_CELL_COUNT runs. */
const litmusRounds = 8;

const roundsAsked = 8;
const roundsLimit = 64;
/** Lost plain increments that prove an overlap. */
const plainLostEnough = 100;

const litmusTests = [
  { name: 'message passing', test: constants.LITMUS_MESSAGE_PASSING, byPairs: true, judged: false },
  { name: 'store buffering', test: constants.LITMUS_STORE_BUFFERING, byPairs: true, judged: true },
  { name: 'one winner of a swap', test: constants.LITMUS_SWAP_ONE_WINNER, byPairs: false, judged: true },
  { name: 'words of one line', test: constants.LITMUS_WORDS_OF_ONE_LINE, byPairs: false, judged: true },
  { name: 'read coherence', test: constants.LITMUS_READ_COHERENCE, byPairs: true, judged: false },
] as const;

/** Throws PoolError: BARRIER_TIMEOUT naming the machines that never arrived, ABORTED. Machine 1 opens the session. */
export function runGate(core: Core, options: GateOptions): GateResult {
  const { exports } = core;
  const { machines, machineNumber } = options;
  const barrier = barrierOf(core, options);
  joinSession(core, options);

  const counted = countTogether(core, options, barrier);

  const litmus = litmusTests.map(({ name, test, byPairs, judged }) => {
    const pairs = byPairs ? machines : 1;
    for (let round = 0; round < litmusRounds * pairs; round++) {
      const writer = (round % machines) + 1;
      if (machineNumber === 1) exports.gateClearCells();
      barrier();
      exports.gateLitmus(test, (machineNumber - writer + machines) % machines, machineNumber);
      barrier();
      if (judged && machineNumber === 1) exports.gateJudge(test, machines);
    }
    barrier();
    return {
      name,
      runs: litmusRounds * pairs * constants.GATE_CELL_COUNT,
      forbidden: exports.gateTotal(constants.GATE_FORBIDDEN + test),
    };
  });
  const totals = {
    fetchAdd: exports.gateTotal(constants.GATE_FETCH_ADD),
    casWon: exports.gateTotal(constants.GATE_CAS_WON),
    casCounter: exports.gateTotal(constants.GATE_CAS_COUNTER),
    plain: exports.gateTotal(constants.GATE_PLAIN),
  };
  // Nobody leaves, and so nobody opens the next session, before all have read the totals.
  barrier();
  return { ...counted, totals, litmus };
}

/**
 * All machines count on the same words at the same time, in rounds behind barriers. More rounds than asked for are run, up to a
 * limit, while nothing shows that the machines overlapped: on a busy host one of them may have been off its core.
 */
function countTogether(
  core: Core,
  { machines, iterations }: GateOptions,
  barrier: () => void,
): Pick<GateResult, 'iterations' | 'casWon' | 'casLost'> {
  const { exports } = core;
  const perRound = Math.ceil(iterations / roundsAsked);
  let done = 0;
  let casWon = 0;
  for (let round = 0; round < roundsLimit; round++) {
    barrier();
    exports.gateFetchAdd(perRound);
    barrier();
    casWon += exports.gateCompareAndSwap(perRound) >>> 0;
    barrier();
    exports.gatePlain(perRound);
    done += perRound;
    barrier();
    // Between these two barriers nobody writes: all machines read, and decide, the same.
    const plainLost = machines * done - exports.gateTotal(constants.GATE_PLAIN);
    const overlapped = exports.gateTotal(constants.GATE_CAS_LOST) > 0 && plainLost >= plainLostEnough;
    barrier();
    if (round + 1 >= roundsAsked && (overlapped || machines === 1)) break;
  }
  return { iterations: done, casWon, casLost: done - casWon };
}

function joinSession(core: Core, { machines, machineNumber, deadlineMs }: GateOptions): void {
  const { exports } = core;
  // A thread that ran the gate before would else take its old session for the one that machine 1 is about to open.
  exports.gateForget();
  if (machineNumber === 1) exports.gateOpen();
  const deadline = performance.now() + deadlineMs;
  for (;;) {
    const code = exports.gateJoin(machines, machineNumber);
    if (code === codes.OK) return;
    if (code === codes.BAD_ARGUMENT) throw new RangeError(`machine ${machineNumber} of ${machines} cannot take part in the gate`);
    if (code === codes.ABORTED) throw new PoolError('ABORTED', 'the coherence gate was aborted');
    if (performance.now() >= deadline) throw late('joined the coherence gate', ~exports.gateJoined(), machines, deadlineMs);
  }
}

function barrierOf(core: Core, { machines, machineNumber, deadlineMs }: GateOptions): () => void {
  const { exports } = core;
  const deadline = performance.now() + deadlineMs;
  return () => {
    exports.gateArrive(machineNumber);
    for (;;) {
      const code = exports.gateWait(machines, looksPerPoll);
      if (code === codes.OK) return;
      if (code === codes.ABORTED) throw new PoolError('ABORTED', 'the coherence gate was aborted');
      if (code === codes.STALE) throw new PoolError('ABORTED', 'machine 1 opened the coherence gate anew');
      if (performance.now() >= deadline) throw late('reached the barrier', exports.gateMissing(machines), machines, deadlineMs);
    }
  };
}

function late(what: string, missingBits: number, machines: number, deadlineMs: number): PoolError {
  const missing = Array.from({ length: machines }, (_, index) => index + 1).filter(
    (machine) => (missingBits >> (machine - 1)) & 1,
  );
  return new PoolError('BARRIER_TIMEOUT', `machine ${missing.join(', ')} has not ${what} within ${deadlineMs} ms`, {
    hint: 'is it running, and mapping the same pool?',
  });
}
