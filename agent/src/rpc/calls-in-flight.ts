/** The calls of one connection that were sent and not answered, by slot; and the slots whose calls nobody waits for any more. */
import type { Call } from './call.ts';

export class CallsInFlight {
  readonly #calls: (Call | undefined)[];
  readonly #late = new Set<number>();
  #count = 0;

  constructor(window: number) {
    this.#calls = new Array<Call | undefined>(window).fill(undefined);
  }

  get count(): number {
    return this.#count;
  }

  get lateCount(): number {
    return this.#late.size;
  }

  get window(): number {
    return this.#calls.length;
  }

  /** Whether a response in the slot concerns anybody. */
  isAwaited(slot: number): boolean {
    return this.#calls[slot] !== undefined || this.#late.has(slot);
  }

  has(call: Call): boolean {
    return call.slot !== undefined && this.#calls[call.slot] === call;
  }

  put(call: Call, slot: number): void {
    call.slot = slot;
    this.#late.delete(slot);
    this.#calls[slot] = call;
    this.#count++;
  }

  /** The slot's call, which is over: undefined when nobody waits for it. */
  take(slot: number): Call | undefined {
    const call = this.#calls[slot];
    this.#late.delete(slot);
    if (call === undefined) return undefined;
    this.#calls[slot] = undefined;
    this.#count--;
    return call;
  }

  /** Nobody waits for it any more; its slot is free with its response. */
  giveUp(slot: number): void {
    this.take(slot);
    this.#late.add(slot);
  }

  all(): readonly Call[] {
    return this.#count === 0 ? [] : this.#calls.filter((call) => call !== undefined);
  }
}
