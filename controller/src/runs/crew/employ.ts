/** What a post is filled for: a duty, which whoever fills the post after a death does anew. */
import type { Hand } from './hand.ts';
import type { Place } from './places.ts';

/** What a worker does from its start until there is nothing left to do. */
export type Duty<Result> = (hand: Hand) => Promise<Result>;

export interface Employment<Result> {
  /** Of the duties that ended by themselves, in order; those of workers that died have none. Rejects when a living worker fails. */
  results(): Promise<readonly Result[]>;
  /** The post's duty is over: whoever fills it from now on gets none. */
  end(): void;
}

interface Watch {
  /** Whether the duty failed because its worker died: an exit to be judged, not a failure. */
  isDeath(error: unknown, hand: Hand): Promise<boolean>;
  /** Told at once; thrown only when somebody asks for the results, which may be long after. */
  onFailure(error: unknown): void;
}

export function employ<Result>(place: Place, hand: Hand, duty: Duty<Result>, watch: Watch): Employment<Result> {
  const results: Result[] = [];
  const running: Promise<void>[] = [];
  let failure: { readonly error: unknown } | null = null;
  const perform = async (successor: Hand): Promise<void> => {
    try {
      results.push(await duty(successor));
    } catch (error) {
      if (await watch.isDeath(error, successor)) return;
      failure ??= { error };
      watch.onFailure(error);
    }
  };
  const begin = (successor: Hand): void => {
    running.push(perform(successor));
  };
  place.resume = begin;
  place.duties++;
  begin(hand);
  // Who took it on in the place of `hand`, before this controller came.
  for (const { hire, hand: successor } of place.past) {
    if (hire.by === 'restart' && hire.duties === place.duties) begin(successor);
  }
  return {
    results: async () => {
      for (let index = 0; index < running.length; index++) await running[index];
      if (failure !== null) throw failure.error;
      // Who has done its duty is not replaced in it.
      if (results.length > 0 && place.resume === begin) place.resume = null;
      return results;
    },
    end: () => {
      place.resume = null;
    },
  };
}
