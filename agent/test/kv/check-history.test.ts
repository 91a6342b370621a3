/** The judge of a store's histories: what a right store may leave, deaths included, and each way of being wrong. CXLPOD_SEED takes a seed back. */
import { describe, expect, test } from 'vitest';
import type { HistoryRecord } from '../../src/history/index.ts';
import { checkKvHistory, kvProblems } from '../../src/kv/check-history.ts';
import { randomFrom } from '../sim/schedules.ts';
import { followedBy, Planted, type Shape, SimulatedStore } from './linearize/simulated-store.ts';

const isDeep = process.env.CXLPOD_DEEP === '1';
const seed = Number(process.env.CXLPOD_SEED ?? Math.floor(Math.random() * 2 ** 31));

const shapes: readonly (readonly [string, Shape])[] = [
  ['one writer’s mix', { clients: 3, keys: 4, operations: 60, crashes: 0, reads: 5, deletes: 0, recoveries: true }],
  ['deletes', { clients: 4, keys: 2, operations: 80, crashes: 0, reads: 5, deletes: 2, recoveries: true }],
  ['deaths', { clients: 4, keys: 2, operations: 80, crashes: 6, reads: 5, deletes: 2, recoveries: true }],
  [
    'deaths whose recovery is not told',
    { clients: 4, keys: 2, operations: 80, crashes: 6, reads: 5, deletes: 2, recoveries: false },
  ],
  ['little but deletes', { clients: 5, keys: 1, operations: 60, crashes: 5, reads: 4, deletes: 4, recoveries: true }],
];

const key = 1;
const plant = new Planted(key);
const highVersion = 1_000_000;

/** Each is right up to its last get. */
const wrongs: readonly (readonly [string, (put: number) => Parameters<typeof followedBy>[1], limit: number])[] = [
  ['a get is stale', (v) => [...plant.put(v), ...plant.put(v + 1), ...plant.get(v)], 3],
  ['a put is lost', (v) => [...plant.put(v), ...plant.get(v), ...plant.put(v + 1), ...plant.get(v, 52)], 3],
  ['a value comes from nowhere', (v) => [...plant.put(v), ...plant.get(v + 7)], 1],
  ['a value is seen before it is put', (v) => [...plant.get(v), ...plant.put(v)], 2],
  [
    'the new value is seen, and then the old one',
    (v) => [...plant.put(v), plant.begin('put', v + 1), ...plant.get(v + 1), ...plant.get(v, 52), plant.end('put')],
    4,
  ],
  ['a deleted value comes back', (v) => [...plant.put(v), ...plant.delete(), ...plant.get(v)], 3],
  ['a value is missing', (v) => [...plant.put(v), ...plant.get(0)], 2],
  [
    'what a dead client began takes effect after its recovery',
    (v) => [plant.begin('put', v, 60), plant.recovered(60), ...plant.put(v + 1), ...plant.get(v + 1), ...plant.get(v, 52)],
    3,
  ],
  [
    'a delete of a dead client takes effect after its recovery',
    (v) => [...plant.put(v), plant.begin('delete', 0, 60), plant.recovered(60), ...plant.get(v), ...plant.get(0, 52)],
    4,
  ],
  ['a client writes that was recovered', (v) => [plant.recovered(50), ...plant.put(v)], 1],
];

function* drawn(shape: Shape, rounds: number): Generator<readonly [HistoryRecord[], number]> {
  for (let round = seed; round < seed + rounds; round++) yield [new SimulatedStore(shape, randomFrom(round)).history(), round];
}

describe(`a history of a right store (seed ${seed})`, () => {
  test.each(shapes)('is accepted: %s', (_, shape) => {
    for (const [records, round] of drawn(shape, isDeep ? 2_000 : 100)) {
      expect(kvProblems(records), `seed ${round}`).toEqual([]);
    }
  });

  test.each(wrongs)('is refused once %s, and the few operations that show it are told', (_, wrong, limit) => {
    // Where no recovery is told, the dead may still delete what is planted.
    for (const [, shape] of shapes.filter(([, { recoveries }]) => recoveries)) {
      for (const [records, round] of drawn(shape, isDeep ? 500 : 20)) {
        const { violations, violated } = checkKvHistory(followedBy(records, wrong(highVersion)));
        expect(violated, `seed ${round}`).toBe(1);
        expect(violations[0]!.key).toBe(key);
        expect(violations[0]!.operations.length, violations[0]!.sentence).toBeLessThanOrEqual(limit);
      }
    }
  });
});

describe('a history', () => {
  const judge = (...more: Parameters<typeof followedBy>[1]) => kvProblems(followedBy([], more));

  test('may have what a dead client began until its recovery, and not after it', () => {
    const begun = plant.begin('put', 5, 60);
    const recovered = plant.recovered(60);
    const before = [...plant.get(0), ...plant.get(5)];
    expect(judge(begun, ...before, recovered)).toEqual([]);
    expect(judge(begun, recovered, ...plant.get(5), ...plant.get(5))).toEqual([]);
    expect(judge(begun, recovered, ...before)).toEqual([
      'key 1, without a value at first, has no order of these: client 60 (incarnation 1) put version 5 (begun at 0, never answered, ' +
        'recovered at 1); client 51 (incarnation 1) saw no value (from 2 to 3); client 51 (incarnation 1) saw version 5 (from 4 to 5)',
    ]);
    expect(judge(begun, ...before), 'nobody says that it was recovered').toEqual([]);
  });

  test('begins with what was loaded', () => {
    const records = followedBy([], plant.get(1));
    expect(kvProblems(records)).toHaveLength(1);
    expect(kvProblems(records, { loadedVersion: (of) => (of === key ? 1 : 0) })).toEqual([]);
  });

  test('may have operations that were refused: they changed nothing', () => {
    const refused: Parameters<typeof followedBy>[1][number] = { ...plant.end('put'), outcome: 'refused' } as never;
    expect(judge(...plant.put(1), plant.begin('put', 2), refused, ...plant.get(1))).toEqual([]);
    expect(judge(...plant.put(1), plant.begin('put', 2), refused, ...plant.get(2))).toHaveLength(1);
  });

  test('is not judged further than it was allowed to be', () => {
    const [records] = [...drawn(shapes[1]![1], 1)][0]!;
    expect(checkKvHistory(records, { stepLimit: 10 }).unjudged).toMatchObject([{ why: expect.stringContaining('steps') }, {}]);
    expect(checkKvHistory(records, { stateLimit: 0 }).unjudged[0]?.why).toBe('more than 0 states were possible at once');
    expect(checkKvHistory(records, { isOver: () => true }).unjudged).toHaveLength(2);
    expect(kvProblems(records, { stepLimit: 10 })[0]).toContain('was not judged');
  });
});
