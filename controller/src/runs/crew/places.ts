/** The posts of a run, and who holds each of them, one worker after the other. */
import type { Pod } from '../../cluster/pod.ts';
import { environmentError } from '../../errors/cxlpod-error.ts';
import type { PastHire } from '../journal.ts';
import type { Hand, Post } from './hand.ts';

export interface Place {
  readonly post: Post;
  /** The last that was hired for it. */
  hand: Hand | null;
  attempts: number;
  /** How many duties it has had. */
  duties: number;
  /** Gives its duty to whoever fills it next. */
  resume: ((hand: Hand) => void) | null;
  /** Hired by a controller that is gone, in order, and not yet asked for by the workload that is gone through again. */
  readonly past: { readonly hire: PastHire; readonly hand: Hand }[];
  /** Who waits for the next worker of this post. */
  readonly awaiting: Set<(hand: Hand) => void>;
}

export class Places {
  readonly #pod: Pick<Pod, 'topology'>;
  readonly #places = new Map<string, Place>();

  constructor(pod: Pick<Pod, 'topology'>) {
    this.#pod = pod;
  }

  at(post: Post): Place {
    if (!this.#pod.topology.machines.includes(post.machine)) {
      throw environmentError('NO_SUCH_MACHINE', `the run wants a worker on ${post.machine}, which this pod does not have`);
    }
    const key = `${post.machine}/${post.worker}`;
    const place = this.#places.get(key) ?? emptyPlace(post);
    this.#places.set(key, place);
    return place;
  }

  has({ machine, worker }: Post): boolean {
    return this.#places.has(`${machine}/${worker}`);
  }

  /** Who holds them, living or not. */
  hands(): readonly Hand[] {
    return [...this.#places.values()].flatMap(({ hand }) => (hand === null ? [] : [hand]));
  }

  /** From now on `hand` is the one at its post. */
  fill(hand: Hand): void {
    const place = this.at(hand.post);
    place.hand = hand;
    for (const tell of place.awaiting) tell(hand);
    place.awaiting.clear();
  }
}

function emptyPlace(post: Post): Place {
  return { post, hand: null, attempts: 0, duties: 0, resume: null, past: [], awaiting: new Set() };
}
