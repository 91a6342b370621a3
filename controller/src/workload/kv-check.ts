/** What the workload `kv` left, read again from every machine: each value whole, and none but the last one that was put. */
import type { Tasks } from '@cxlpod/agent/protocol';
import { CxlpodError, exitCodes } from '../errors/cxlpod-error.ts';
import type { Hand } from '../runs/crew/hand.ts';
import { all, outlast } from './heap-crew.ts';
import type { WorkloadContext } from './workload.ts';

export const kvDeadlineMs = 300_000;

/** One place: who works there now, what is its partition, what it found and left. */
export interface Post {
  hand: Hand;
  readonly partition: number;
  /** From this one on, no version was used in the partition. */
  nextVersion: number;
  ran: Tasks['kv-run']['result'] | null;
}

type Store = Tasks['kv-check']['parameters'];

/** How many values were looked at. Throws WRONG_ANSWER. */
export async function checkStore(context: WorkloadContext, posts: readonly Post[], store: Store): Promise<number> {
  const readers = context.pod.machines.flatMap(
    ({ machine }) => posts.find(({ hand }) => hand.post.machine === machine.name) ?? [],
  );
  const wanted = { found: sumOf(posts, 'found'), versionSum: sumOf(posts, 'versionSum') };
  const look = (records: number) =>
    all(
      readers.map(async (reader) => {
        const { hand, result } = await outlast(context, reader.hand, (each) =>
          each.task('kv-check', { ...store, records }, { deadlineMs: kvDeadlineMs, label: 'check' }),
        );
        reader.hand = hand;
        return result;
      }),
    );
  const loaded = await look(store.records);
  for (const [index, { found, versionSum, flaws }] of loaded.entries()) {
    const { machine } = readers[index]!.hand.post;
    if (flaws.length > 0) throw wrongAnswer(`on ${machine}, ${flaws[0]}`);
    if (found !== wanted.found) throw wrongAnswer(`${machine} finds ${found} values; the writers left ${wanted.found}`);
    if (versionSum !== wanted.versionSum) {
      throw wrongAnswer(
        `${machine} finds versions that add up to ${versionSum}; those that the writers left, to ${wanted.versionSum}`,
      );
    }
  }
  const end = Math.max(...posts.map(({ ran }) => ran!.nextKey));
  // Writers insert at their own pace: some keys between the first and the last one belong to nobody yet.
  const inserted = end === store.records ? [] : await look(end);
  const least = wanted.found + posts.reduce((sum, { ran }) => sum + ran!.counts.insert, 0);
  for (const [index, { found, flaws }] of inserted.entries()) {
    const { machine } = readers[index]!.hand.post;
    if (flaws.length > 0) throw wrongAnswer(`on ${machine}, ${flaws[0]}`);
    if (found < least) throw wrongAnswer(`${machine} finds ${found} values, and at least ${least} were put`);
  }
  return [...loaded, ...inserted].reduce((sum, { found }) => sum + found, 0);
}

export function wrongAnswer(message: string): CxlpodError {
  return new CxlpodError('WRONG_ANSWER', message, { exitCode: exitCodes.invalid });
}

function sumOf(posts: readonly Post[], key: 'found' | 'versionSum'): number {
  return posts.reduce((sum, { ran }) => sum + ran!.left[key], 0);
}
