import { add64, keep64, load64, plainIncrement64, publish64, recall64, store64, swap64 } from '../memory/memory';
import { poolBase, threadBase } from '../place/place';
import { ThreadScratch } from '../layout/scratch';
import { ABORTED, BAD_ARGUMENT, OK, PENDING, STALE } from '../codes/codes';
import { GATE_OFFSET, LINE_BYTES } from '../layout/regions';
import {
  GATE_BANK_BYTES,
  GATE_BANK_COUNT,
  GATE_BANKS_OFFSET,
  GATE_CAS_COUNTER,
  GATE_CAS_LOST,
  GATE_CAS_WON,
  GATE_COUNTERS_OFFSET,
  GATE_FETCH_ADD,
  GATE_MACHINE_LIMIT,
  GATE_PLAIN,
  GateMachine,
  GateSession,
} from '../layout/gate';
import { isAborted } from '../rpc/handle';

function session(): u64 {
  return recall64(threadBase + offsetof<ThreadScratch>("gateSession"));
}

function numberAddress(): usize {
  return poolBase + GATE_OFFSET + offsetof<GateSession>("number");
}

function joinedAddress(): usize {
  return poolBase + GATE_OFFSET + offsetof<GateSession>("joined");
}

function startedAddress(): usize {
  return poolBase + GATE_OFFSET + offsetof<GateSession>("started");
}

function bankOf(number: u64): usize {
  return poolBase + GATE_OFFSET + GATE_BANKS_OFFSET + (<usize>number & (GATE_BANK_COUNT - 1)) * GATE_BANK_BYTES;
}

function machineLine(machine: u32): usize {
  return bankOf(session()) + (machine - 1) * LINE_BYTES;
}

export function counterLine(which: u32): usize {
  return bankOf(session()) + GATE_COUNTERS_OFFSET + which * LINE_BYTES;
}

/** Machine 1 opens a new session: a fresh bank, nobody joined. What remains of an older session sees the number change. */
export function gateOpen(): void {
  const number: u64 = load64(numberAddress()) + 1;
  const bank: usize = bankOf(number);
  for (let line: u32 = 0; line < GATE_BANK_BYTES; line += LINE_BYTES) store64(bank + line, 0);
  publish64(joinedAddress(), number << 16);
  publish64(numberAddress(), number); // publishes G1
}

/** This thread has been in no session: the next `gateJoin` takes the newest that it has not joined before. */
export function gateForget(): void {
  keep64(threadBase + offsetof<ThreadScratch>("gateSession"), 0);
}

/** OK once all machines are in this session; PENDING until then: call again. Machine 1 starts it. */
export function gateJoin(machines: u32, machine: u32): i32 {
  if (machines < 1 || machines > GATE_MACHINE_LIMIT || machine < 1 || machine > machines) return BAD_ARGUMENT;
  if (isAborted()) return ABORTED;
  const number: u64 = load64(numberAddress()); // sees G1
  if (number == 0) return PENDING;
  const joined: u64 = load64(joinedAddress());
  if (joined >> 16 != number) return PENDING;
  const bit: u64 = <u64>1 << <u64>(machine - 1);
  if ((joined & bit) == 0) {
    if (swap64(joinedAddress(), joined, joined | bit) != joined) return PENDING;
    keep64(threadBase + offsetof<ThreadScratch>("gateSession"), number);
    keep64(threadBase + offsetof<ThreadScratch>("gateRound"), 0);
    return PENDING;
  }
  // The bit is this machine's, but of a process before this one: a newer session will come.
  if (session() != number) return PENDING;
  const everybody: u64 = (<u64>1 << <u64>machines) - 1;
  if ((joined & 0xffff) != everybody) return PENDING;
  if (machine == 1) publish64(startedAddress(), number); // publishes G2
  return load64(startedAddress()) == number ? OK : PENDING; // sees G2
}

/** The machines that joined the newest session, one bit each. */
export function gateJoined(): u32 {
  return <u32>load64(joinedAddress()) & 0xffff;
}

/** Reaches the next barrier. */
export function gateArrive(machine: u32): void {
  const round: u64 = recall64(threadBase + offsetof<ThreadScratch>("gateRound")) + 1;
  keep64(threadBase + offsetof<ThreadScratch>("gateRound"), round);
  publish64(machineLine(machine) + offsetof<GateMachine>("round"), round); // publishes G3
}

/** OK once every machine reached this barrier; PENDING after `maxLooks`; STALE when machine 1 opened a newer session. */
export function gateWait(machines: u32, maxLooks: u32): i32 {
  for (let looks: u32 = 0; looks < maxLooks; looks++) {
    if (gateMissing(machines) == 0) return OK;
  }
  if (isAborted()) return ABORTED;
  return load64(numberAddress()) == session() ? PENDING : STALE;
}

/** The machines that have not reached this barrier, one bit each. */
export function gateMissing(machines: u32): u32 {
  const round: u64 = recall64(threadBase + offsetof<ThreadScratch>("gateRound"));
  let missing: u32 = 0;
  for (let machine: u32 = 1; machine <= machines; machine++) {
    if (load64(machineLine(machine) + offsetof<GateMachine>("round")) < round) missing |= 1 << (machine - 1); // sees G3
  }
  return missing;
}

/** Atomic fetch-and-add, all machines on one word: none may be lost. */
export function gateFetchAdd(iterations: u32): void {
  const address: usize = counterLine(GATE_FETCH_ADD);
  for (let iteration: u32 = 0; iteration < iterations; iteration++) add64(address, 1);
}

/** One try of an increment by CAS per iteration. Wins are counted here and in the word: they must agree. Returns the wins. */
export function gateCompareAndSwap(iterations: u32): u32 {
  const address: usize = counterLine(GATE_CAS_COUNTER);
  let won: u32 = 0;
  for (let iteration: u32 = 0; iteration < iterations; iteration++) {
    const seen: u64 = load64(address);
    if (swap64(address, seen, seen + 1) == seen) won++;
  }
  add64(counterLine(GATE_CAS_WON), <u64>won);
  add64(counterLine(GATE_CAS_LOST), <u64>(iterations - won));
  return won;
}

/** The negative control: increments that are not atomic. A gate in which none is lost has proved nothing. */
export function gatePlain(iterations: u32): void {
  const address: usize = counterLine(GATE_PLAIN);
  for (let iteration: u32 = 0; iteration < iterations; iteration++) plainIncrement64(address);
}

export function gateTotal(which: u32): f64 {
  return <f64>load64(counterLine(which));
}
