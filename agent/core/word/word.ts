import { keep64, load64, publish64, recall64, swap64 } from '../memory/memory';
import { poolBase, threadBase } from '../place/place';
import { ThreadScratch } from '../layout/scratch';
import { ABORTED, CLOSED, OK, PENDING } from '../codes/codes';
import { WORD_OFFSET } from '../layout/regions';
import { BouncedWord, WORD_STOP } from '../layout/clock';
import { isAborted } from '../rpc/handle';

function wordAddress(): usize {
  return poolBase + WORD_OFFSET + offsetof<BouncedWord>("value");
}

/** The asking side will run this many rounds. */
export function wordBegin(rounds: u32): void {
  keep64(threadBase + offsetof<ThreadScratch>("wordLeft"), <u64>rounds);
}

/** Runs the rounds that are left: OK, PENDING when an answer took more than `maxLooks` (call again), ABORTED. */
export function wordPing(maxLooks: u32): i32 {
  let left: u64 = recall64(threadBase + offsetof<ThreadScratch>("wordLeft"));
  for (let looks: u32 = 0; looks < maxLooks; looks++) {
    const word: u64 = load64(wordAddress()) & ~WORD_STOP; // sees W2
    if ((word & 1) != 0) continue;
    if (left == 0) {
      keep64(threadBase + offsetof<ThreadScratch>("wordLeft"), 0);
      return OK;
    }
    publish64(wordAddress(), word + 1); // publishes W1
    left--;
    looks = 0;
  }
  keep64(threadBase + offsetof<ThreadScratch>("wordLeft"), left);
  return isAborted() ? ABORTED : PENDING;
}

export function wordStop(): void {
  publish64(wordAddress(), load64(wordAddress()) | WORD_STOP);
}

/** The answering side begins: a stop that nobody saw is not meant for it. */
export function wordOpen(): void {
  const word: u64 = load64(wordAddress());
  if ((word & WORD_STOP) != 0) swap64(wordAddress(), word, word & ~WORD_STOP);
  keep64(threadBase + offsetof<ThreadScratch>("wordRounds"), 0);
}

/** Answers what comes within `maxLooks`, then PENDING; CLOSED when the other side stopped, ABORTED. */
export function wordPong(maxLooks: u32): i32 {
  let rounds: u64 = recall64(threadBase + offsetof<ThreadScratch>("wordRounds"));
  let code: i32 = PENDING;
  for (let looks: u32 = 0; looks < maxLooks; looks++) {
    const word: u64 = load64(wordAddress()); // sees W1
    if ((word & WORD_STOP) != 0) {
      publish64(wordAddress(), word & ~WORD_STOP);
      code = CLOSED;
      break;
    }
    if ((word & 1) == 0) continue;
    publish64(wordAddress(), word + 1); // publishes W2
    rounds++;
  }
  keep64(threadBase + offsetof<ThreadScratch>("wordRounds"), rounds);
  return code == PENDING && isAborted() ? ABORTED : code;
}

export function wordRounds(): f64 {
  return <f64>recall64(threadBase + offsetof<ThreadScratch>("wordRounds"));
}
