/** The calls of one connection that were sent and not answered, by slot. */
import type { Call } from './call.ts';

export class CallsInFlight {
  readonly #calls: (Call | undefined)[];
  #count = 0;

  constructor(window: number) {
    this.#calls = new Array<Call | undefined>(window).fill(undefined);
  }

  get count(): number {
    return this.#count;
  }

  get window(): number {
    return this.#calls.length;
  }

  isAwaited(slot: number): boolean {
    return this.#calls[slot] !== undefined;
  }

  has(call: Call): boolean {
    return call.slot !== undefined && this.#calls[call.slot] === call;
  }

  put(call: Call, slot: number): void {
    call.slot = slot;
    this.#calls[slot] = call;
    this.#count++;
  }

  /** The slot's call, which is over. */
  take(slot: number): Call | undefined {
    const call = this.#calls[slot];
    if (call === undefined) return undefined;
    this.#calls[slot] = undefined;
    this.#count--;
    return call;
  }

  all(): readonly Call[] {
    return this.#count === 0 ? [] : this.#calls.filter((call) => call !== undefined);
  }
}
