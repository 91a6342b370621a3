/** What a thread does between two looks that find nothing: docs/waiting.md. */
import { constants, layout } from '../layout/index.ts';
import type { Core } from '../pool/core.ts';
import { abortWord } from '../pool/map.ts';
import { native } from '../pool/native.ts';
import { looksPerPoll } from '../pool/poll.ts';
import { runnableThreads, usableCores } from './cores.ts';
import { RpcError } from './rpc-error.ts';

/**
 * `spin`: look, without end. `pause`: with PAUSE between looks. `timed`: `umwait` or `tpause`, which wait in the core with a deadline; on a CPU
 * without them the same as `pause` (`Waiter.effective` says so). `yield`: give the core away after every few looks. `sleep`: sleep, longer and
 * longer. `adaptive`: first spin, then pause, then yield, then sleep, all in proportion to what came last and to how many want the cores.
 */
export type WaitingStrategy = 'adaptive' | 'spin' | 'pause' | 'timed' | 'yield' | 'sleep';

export const waitingStrategies: readonly WaitingStrategy[] = ['adaptive', 'spin', 'pause', 'timed', 'yield', 'sleep'];

export interface WaiterOptions {
  /** Default `adaptive`. */
  readonly strategy?: WaitingStrategy;
  /** A sleep is never longer: what the first call after an idle time may wait for, at most. Twice that for `adaptive` after 100 ms. Default 1. */
  readonly longestSleepMs?: number;
}

const longestSleepMs = 1;
/** After so long without work the adaptive strategy sleeps twice as long: each time it wakes costs tens of microseconds in a virtual machine. */
const longIdleMs = 100;
/** Shorter sleeps take as long, because the system's timers are that coarse. */
const shortestSleepMs = 0.02;
/** A sleep is this part of the time without work so far: whoever waited long can wait a little longer, and is woken less often. */
const sleepPart = 1 / 3;
/** In one wait of the addon, which watches the word itself. */
const watchNs = 50_000;
/** The same without a word to watch: between two polls. */
const blindNs = 500;
/** Looks of a poll between two pauses, yields or sleeps. */
const fewLooks = 16;

// The adaptive strategy, in ms since the work ended; the poll before the first of them has spun for `looksPerPoll` already.
const spinMs = 0.02;
const pauseMs = 0.05;
const yieldMs = 0.1;
/** With more threads than cores whoever is waited for may need this core; but giving it away costs some microseconds as well. */
const crowdedLooks = 4_096;
/** At least so long, whatever came last: the one who is waited for may be next on this core. */
const leastYieldMs = 0.02;
/** What is left of spinning, pausing and yielding for work that keeps coming later than that. */
const leastPatience = 1 / 8;
/** On the event loop turns follow each other for so long: a turn is an interruption for others, but a rest of it takes a millisecond at least. */
const turnsMs = 20;
/** The system's timers, as the event loop rounds them. */
const shortestRestMs = 1;
/** Between two looks at how many threads want to run. */
const crowdAgainMs = 20;

/**
 * One for each loop that polls. `looks`: how many looks the next poll may take. After a poll that found nothing, `idle`; after one that did,
 * `worked`, which costs next to nothing. Every wait ends at its own bound, at most the longest sleep; by itself when the process aborts; so that the loop
 * can look at its deadline.
 *
 *     for (;;) {
 *       if (poll(waiter.looks)) waiter.worked();
 *       else if (performance.now() >= deadline) break;
 *       else waiter.idle(deadline - performance.now(), entryOffset, flag);
 *     }
 *     waiter.stop();
 *
 * A loop on the event loop asks `restMs` instead of `idle` (turns.ts).
 */
export class Waiter {
  readonly strategy: WaitingStrategy;
  looks = looksPerPoll;
  readonly #core: Core;
  readonly #abort: Int32Array<SharedArrayBuffer>;
  readonly #abortOffset: number;
  /** How many threads of this process spin now. */
  readonly #spinners: Int32Array<SharedArrayBuffer>;
  readonly #longestSleepMs: number;
  #isIdle = false;
  #isSpinning = false;
  #isSleeping = false;
  #idleSinceMs = 0;
  #patience = 1;
  #isCrowded = false;
  #crowdSeenMs = Number.NEGATIVE_INFINITY;

  constructor(core: Core, options: WaiterOptions = {}) {
    const { strategy = 'adaptive', longestSleepMs: longest = longestSleepMs } = options;
    if (!waitingStrategies.includes(strategy)) {
      throw new RpcError('BAD_ARGUMENT', `there is no way to wait called "${strategy}"`, { hint: waitingStrategies.join(', ') });
    }
    if (!(longest >= shortestSleepMs && longest <= 1000))
      throw new RpcError('BAD_ARGUMENT', `a sleep takes from ${shortestSleepMs} to 1000 ms, not ${longest}`);
    this.strategy = strategy;
    this.#core = core;
    this.#longestSleepMs = longest;
    this.#abort = abortWord(core.mapped);
    this.#abortOffset = core.mapped.scratchBase + constants.SCRATCH_ABORT_OFFSET;
    const spinners = core.mapped.scratchBase + layout.ProcessScratch.spinners.offset;
    this.#spinners = new Int32Array(core.mapped.memory.buffer, spinners, 1);
    this.#looksAfterWork();
  }

  /** What this CPU makes of the strategy. */
  get effective(): WaitingStrategy {
    return this.strategy === 'timed' && !native().cpuFeatures().waitpkg ? 'pause' : this.strategy;
  }

  /**
   * Waits a little. `limitMs`: until the deadline of who waits. `flagOffset`: where in `core.bytes` the word lies whose top bit will be `flag` when
   * there is work; without one, or where caches are not coherent, the wait is blind and therefore short. Returns early when the flag is seen.
   */
  idle(limitMs = Number.POSITIVE_INFINITY, flagOffset = -1, flag = 0): void {
    if (limitMs <= 0) return;
    const isFirst = this.#beginIdle();
    if (this.strategy === 'adaptive') this.#adapt(isFirst, limitMs, flagOffset, flag);
    else if (this.strategy === 'spin') this.#spins();
    else if (this.strategy === 'pause' || this.strategy === 'timed') this.#pause(limitMs, flagOffset, flag);
    // The first wait of a sleeper is a yield, or each call in a row of calls would cost a sleep.
    else if (this.strategy === 'yield' || isFirst) this.#yield();
    else this.#sleep(performance.now() - this.#idleSinceMs, limitMs);
  }

  /**
   * As `idle`, for a loop that must not block its thread: in how many milliseconds to poll again, 0 for the next turn of the event loop. What is
   * shorter than a turn is done here.
   */
  restMs(): number {
    const isFirst = this.#beginIdle();
    const idleMs = isFirst ? 0 : performance.now() - this.#idleSinceMs;
    if (this.strategy === 'adaptive' ? idleMs >= turnsMs * this.#patience : this.strategy === 'sleep' && !isFirst) {
      this.#isSleeping = true;
      this.#noLongerSpins();
      return Math.max(shortestRestMs, this.#sleepMs(idleMs));
    }
    if (this.strategy === 'adaptive') {
      this.#lookForCrowd(this.#idleSinceMs + idleMs);
      if (this.#isCrowded) this.#yield();
      else this.#spins();
    } else if (this.strategy === 'pause' || this.strategy === 'timed') this.#pause(Number.POSITIVE_INFINITY, -1, 0);
    else if (this.strategy === 'spin') this.#spins();
    else this.#yield();
    return 0;
  }

  /** Whether the process is told to stop. */
  get isAborted(): boolean {
    return Atomics.load(this.#abort, 0) !== 0;
  }

  /** There was work: the next wait begins with a spin. */
  worked(): void {
    if (this.#isIdle) this.#endIdle();
  }

  /** Nobody waits any more, with or without work. */
  stop(): void {
    if (this.#isIdle) this.#endIdle();
  }

  /** Whether this is the first wait after work. */
  #beginIdle(): boolean {
    if (this.#isIdle) return false;
    this.#isIdle = true;
    this.#idleSinceMs = performance.now();
    return true;
  }

  #endIdle(): void {
    this.#isIdle = false;
    // Work that comes again and again just after the spin makes the spin a waste, work that comes before the sleep makes it worth its while.
    if (this.#isSleeping) this.#patience = Math.max(leastPatience, this.#patience / 2);
    else this.#patience = Math.min(1, this.#patience * 2);
    this.#isSleeping = false;
    this.#noLongerSpins();
    this.#looksAfterWork();
  }

  #looksAfterWork(): void {
    if (this.strategy === 'spin') this.looks = looksPerPoll;
    else if (this.strategy !== 'adaptive') this.looks = fewLooks;
    else this.looks = Math.min(this.#isCrowded ? crowdedLooks : looksPerPoll, Math.ceil(looksPerPoll * this.#patience));
  }

  #adapt(isFirst: boolean, limitMs: number, flagOffset: number, flag: number): void {
    const now = isFirst ? this.#idleSinceMs : performance.now();
    const idleMs = now - this.#idleSinceMs;
    if (!this.#isSleeping) this.#lookForCrowd(now);
    const patience = this.#isCrowded ? 0 : this.#patience;
    if (idleMs < spinMs * patience) {
      this.#spins();
      return;
    }
    this.looks = fewLooks;
    if (idleMs < pauseMs * patience) {
      this.#pause(limitMs, flagOffset, flag);
    } else if (idleMs < Math.max(leastYieldMs, yieldMs * this.#patience)) {
      this.#yield();
    } else {
      this.#isSleeping = true;
      this.#noLongerSpins();
      this.#sleep(idleMs, limitMs);
    }
  }

  #lookForCrowd(now: number): void {
    if (now - this.#crowdSeenMs < crowdAgainMs) return;
    this.#crowdSeenMs = now;
    this.#isCrowded = this.#seesCrowd();
  }

  #pause(limitMs: number, flagOffset: number, flag: number): void {
    this.#spins();
    const timed = this.strategy === 'timed';
    const ns = Math.ceil(Math.min(limitMs * 1e6, flagOffset < 0 ? blindNs : watchNs));
    if (flagOffset < 0) native().pauseFor(this.#core.bytes, this.#abortOffset, ns, timed);
    else native().waitForFlag(this.#core.bytes, flagOffset, flag, this.#abortOffset, ns, timed);
  }

  #yield(): void {
    this.#spins();
    native().yieldCpu();
  }

  /** On the abort word: who aborts wakes it. */
  #sleep(idleMs: number, limitMs: number): void {
    Atomics.wait(this.#abort, 0, 0, Math.min(this.#sleepMs(idleMs), limitMs));
  }

  #sleepMs(idleMs: number): number {
    const longestMs = this.strategy === 'adaptive' && idleMs > longIdleMs ? 2 * this.#longestSleepMs : this.#longestSleepMs;
    return Math.min(Math.max(shortestSleepMs, idleMs * sleepPart), longestMs);
  }

  #spins(): void {
    if (this.#isSpinning) return;
    this.#isSpinning = true;
    Atomics.add(this.#spinners, 0, 1);
  }

  #noLongerSpins(): void {
    if (!this.#isSpinning) return;
    this.#isSpinning = false;
    Atomics.sub(this.#spinners, 0, 1);
  }

  /** Whether more threads want to run than there are cores: those of this process that wait as this one does, or all of the machine. */
  #seesCrowd(): boolean {
    const others = Atomics.load(this.#spinners, 0) - (this.#isSpinning ? 1 : 0);
    const { own, machine } = usableCores();
    return others + 1 > own || runnableThreads() > machine;
  }
}
