/** When a poll loop on the event loop takes its next turn: at once while there is work, later and later when there is none. */

export interface TurnOptions {
  /** Turns follow each other without rest for so long after the last work. */
  readonly spinIdleMs?: number;
  /** Rest between turns after that. */
  readonly restMs?: number;
}

/** Calls `turn` until it says that it is over. Other work of the event loop runs between turns. */
export class Turns {
  readonly #turn: () => 'worked' | 'idle' | 'over';
  readonly #spinIdleMs: number;
  readonly #restMs: number;
  #isRunning = false;
  #lastWorkMs = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(turn: () => 'worked' | 'idle' | 'over', options: TurnOptions) {
    this.#turn = turn;
    this.#spinIdleMs = options.spinIdleMs ?? 20;
    this.#restMs = options.restMs ?? 1;
  }

  /** Starts, or hurries: a loop that rests takes its turn now. */
  start(): void {
    this.#lastWorkMs = performance.now();
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
      return;
    }
    const now = performance.now();
    if (outcome === 'worked') this.#lastWorkMs = now;
    if (now - this.#lastWorkMs <= this.#spinIdleMs) setImmediate(this.#step);
    else this.#timer = setTimeout(this.#step, this.#restMs);
  };
}
