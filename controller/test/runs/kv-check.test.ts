/** What readers find at the end of the workload `kv`, held against what the writers say that they left. */
import type { Tasks } from '@cxlpod/agent/protocol';
import { expect, test } from 'vitest';
import { checkStore, type Post } from '../../src/workload/kv-check.ts';
import type { WorkloadContext } from '../../src/workload/workload.ts';

const store = { store: 'ycsb', shape: { partitions: 2, buckets: 8 }, records: 20, valueBytes: 100 };
const context = {
  pod: { machines: [{ machine: { name: 'vm1' } }, { machine: { name: 'vm2' } }] },
  // Nobody dies here.
  crew: {
    employ: (hand: unknown, duty: (hand: unknown) => Promise<unknown>) => {
      const done = duty(hand);
      return { results: async () => [await done] };
    },
  },
} as unknown as WorkloadContext;

type Seen = Tasks['kv-check']['result'];

/** Each of two writers left 10 records whose versions add up to 50, and inserted 3. */
function posts(seen: Partial<Seen> = {}, seenWithInserted: Partial<Seen> = {}): Post[] {
  const loaded = { found: 20, missing: 0, flaws: [], lastVersion: 9, versionSum: 100 };
  return ['vm1', 'vm2'].map((machine, partition) => {
    const isLast = machine === 'vm2';
    const task = async (_: string, { records }: Tasks['kv-check']['parameters']): Promise<Seen> =>
      records === store.records
        ? { ...loaded, ...(isLast ? seen : {}) }
        : { ...loaded, found: 26, ...(isLast ? seenWithInserted : {}) };
    return {
      hand: { post: { machine, worker: `client-${partition + 1}` }, task },
      partition,
      ran: { left: { found: 10, versionSum: 50 }, counts: { insert: 3 }, nextKey: 30 },
    } as unknown as Post;
  });
}

test('what both machines find is what the writers left', async () => {
  expect(await checkStore(context, posts(), store)).toBe(2 * 20 + 2 * 26);
});

test.each([
  ['a value is torn', posts({ flaws: ['the value of key 3 is torn'] }), 'on vm2, the value of key 3 is torn'],
  ['a value is missing', posts({ found: 19 }), 'vm2 finds 19 values; the writers left 20'],
  ['a deleted value is back', posts({ found: 21 }), 'vm2 finds 21 values; the writers left 20'],
  ['an update is lost', posts({ versionSum: 99 }), 'add up to 99; those that the writers left, to 100'],
  ['an inserted value is missing', posts({}, { found: 25 }), 'vm2 finds 25 values, and at least 26 were put'],
  ['an inserted value is torn', posts({}, { flaws: ['the value of key 25 is torn'] }), 'on vm2, the value of key 25 is torn'],
])('%s: a wrong answer', async (_, spoiled, message) => {
  await expect(checkStore(context, spoiled, store)).rejects.toMatchObject({
    code: 'WRONG_ANSWER',
    message: expect.stringContaining(message),
  });
});
