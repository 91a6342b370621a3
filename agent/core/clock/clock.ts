import { keep64, load64, publish64, recall64, store64 } from '../memory/memory';
import { poolBase, threadBase } from '../place/place';
import { ThreadScratch } from '../layout/scratch';
import { ABORTED, CLOSED, OK, PENDING } from '../codes/codes';
import { CLOCK_OFFSET } from '../layout/regions';
import { CLOCK_ANSWER_LINE, CLOCK_ASK_LINE, CLOCK_STOP, ClockAnswer, ClockAsk } from '../layout/clock';
import { isAborted } from '../rpc/handle';

// CLOCK_MONOTONIC of this machine, ns.
@external("host", "monotonicNs")
declare function monotonicNs(): f64;

function askAddress(): usize {
  return poolBase + CLOCK_OFFSET + CLOCK_ASK_LINE + offsetof<ClockAsk>("number");
}

function answerLine(): usize {
  return poolBase + CLOCK_OFFSET + CLOCK_ANSWER_LINE;
}

/** The answering side begins: what was asked before counts as answered. */
export function clockBegin(): void {
  keep64(threadBase + offsetof<ThreadScratch>("clockNumber"), load64(askAddress()));
}

/** Answers one question: OK, PENDING after `maxLooks`, ABORTED, CLOSED when the other side stopped. */
export function clockServe(maxLooks: u32): i32 {
  const answered: u64 = recall64(threadBase + offsetof<ThreadScratch>("clockNumber"));
  for (let looks: u32 = 0; looks < maxLooks; looks++) {
    const number: u64 = load64(askAddress()); // sees K1
    if (number == answered) continue;
    keep64(threadBase + offsetof<ThreadScratch>("clockNumber"), number);
    if ((number & CLOCK_STOP) != 0) return CLOSED;
    store64(answerLine() + offsetof<ClockAnswer>("timeNs"), reinterpret<u64>(monotonicNs()));
    publish64(answerLine() + offsetof<ClockAnswer>("number"), number); // publishes K2
    return OK;
  }
  return isAborted() ? ABORTED : PENDING;
}

/** Asks once, with a new number each time, so that an answer to an older question is never taken for this one's. */
export function clockAsk(maxLooks: u32): i32 {
  const number: u64 = (load64(askAddress()) & ~CLOCK_STOP) + 1;
  keep64(threadBase + offsetof<ThreadScratch>("clockSent"), reinterpret<u64>(monotonicNs()));
  publish64(askAddress(), number); // publishes K1
  for (let looks: u32 = 0; looks < maxLooks; looks++) {
    if (load64(answerLine() + offsetof<ClockAnswer>("number")) != number) continue; // sees K2
    keep64(threadBase + offsetof<ThreadScratch>("clockReceived"), reinterpret<u64>(monotonicNs()));
    keep64(threadBase + offsetof<ThreadScratch>("clockServer"), load64(answerLine() + offsetof<ClockAnswer>("timeNs")));
    return OK;
  }
  return isAborted() ? ABORTED : PENDING;
}

export function clockStop(): void {
  publish64(askAddress(), load64(askAddress()) | CLOCK_STOP); // publishes K1
}

export function clockSentNs(): f64 {
  return reinterpret<f64>(recall64(threadBase + offsetof<ThreadScratch>("clockSent")));
}

export function clockServerNs(): f64 {
  return reinterpret<f64>(recall64(threadBase + offsetof<ThreadScratch>("clockServer")));
}

export function clockReceivedNs(): f64 {
  return reinterpret<f64>(recall64(threadBase + offsetof<ThreadScratch>("clockReceived")));
}
