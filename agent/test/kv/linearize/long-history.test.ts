/** The history that the bar of issue 5 names: 10^5 operations of 8 clients on one hot key, 20 of them cut short by deaths. Prints how long it took. */
import { expect, test } from 'vitest';
import type { HistoryRecord } from '../../../src/history/index.ts';
import { checkKvHistory } from '../../../src/kv/check-history.ts';
import { randomFrom } from '../../sim/schedules.ts';
import { followedBy, Planted, SimulatedStore } from './simulated-store.ts';

const shape = { clients: 8, keys: 1, operations: 100_000, crashes: 20, reads: 5, deletes: 1, recoveries: true };

function timed(what: string, records: readonly HistoryRecord[]) {
  const startMs = performance.now();
  const judged = checkKvHistory(records);
  console.log(`${what}: ${judged.operations} operations, ${judged.steps} steps, ${Math.round(performance.now() - startMs)} ms`);
  return judged;
}

test('a long history of one hot key is judged, right or wrong', () => {
  const right = new SimulatedStore(shape, randomFrom(1)).history();
  expect(timed('right', right)).toMatchObject({ operations: 100_000, violated: 0, unjudged: [] });

  const plant = new Planted(0);
  const wrong = followedBy(right, [...plant.put(1e6), ...plant.put(1e6 + 1), ...plant.get(1e6)]);
  const { violations } = timed('wrong', wrong);
  expect(violations[0]!.operations.map(({ name, value }) => [name, value])).toEqual([
    ['put', 1e6],
    ['put', 1e6 + 1],
    ['get', 1e6],
  ]);
});
