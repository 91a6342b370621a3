/** A poll loop on the event loop: other work of the thread runs between its turns, and a waiter says when the next one is due. */
import type { Waiter } from './wait.ts';

/** Calls `turn` until it says that it is over. */
export class Turns {
  readonly #turn: () => 'worked' | 'idle' | 'over';
  readonly #waiter: Waiter;
  #isRunning = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(turn: () => 'worked' | 'idle' | 'over', waiter: Waiter) {
    this.#turn = turn;
    this.#waiter = waiter;
  }

  /** Starts, or hurries: a loop that rests takes its turn now. */
  start(): void {
    this.#waiter.worked();
    if (this.#timer !== undefined) {
      clearTimeout(this.#timer);
      this.#timer = undefined;
    } else if (this.#isRunning) {
      return;
    }
    this.#isRunning = true;
    setImmediate(this.#step);
  }

  readonly #step = (): void => {
    this.#timer = undefined;
    const outcome = this.#turn();
    if (outcome === 'over') {
      this.#isRunning = false;
      this.#waiter.stop();
      return;
    }
    let restMs = 0;
    if (outcome === 'worked') this.#waiter.worked();
    else restMs = this.#waiter.restMs();
    if (restMs === 0) setImmediate(this.#step);
    else this.#timer = setTimeout(this.#step, restMs);
  };
}
