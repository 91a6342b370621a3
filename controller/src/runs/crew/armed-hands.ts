/** Workers that were started with a death in them, for the faults that wait for it. */
import type { Crash, Hand, Post } from './hand.ts';

/** What the next worker of a post is armed with, and by which fault. */
export interface Arms {
  next(post: Post): { readonly crash: Crash; readonly by: number } | null;
  /** The same again, for one that it was hired with. */
  again(by: number, post: Post): Crash | null;
}

export class ArmedHands {
  readonly #hands = new Map<Crash, Hand>();
  readonly #watchers = new Map<Crash, (hand: Hand) => void>();

  add(crash: Crash, hand: Hand): void {
    this.#hands.set(crash, hand);
    this.#watchers.get(crash)?.(hand);
  }

  /** Resolves once there is one. */
  with(crash: Crash): Promise<Hand> {
    return new Promise((resolve) => {
      const hand = this.#hands.get(crash);
      if (hand !== undefined) resolve(hand);
      else this.#watchers.set(crash, resolve);
    });
  }
}

/** As `startWorker` wants it. */
export function armsOf(crash: Crash | null) {
  if (crash === null) return {};
  return 'access' in crash ? { dieAtAccess: crash.access } : { crash };
}
