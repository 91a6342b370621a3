/** The search for an order answers as one that tries all of them. CXLPOD_SEED takes a seed back. */
import { array, assert, boolean, constantFrom, integer, property, record, uniqueArray } from 'fast-check';
import { describe, expect, test } from 'vitest';
import { explain } from '../../../src/kv/linearize/explain.ts';
import type { Operation } from '../../../src/kv/linearize/operation.ts';
import { shrink } from '../../../src/kv/linearize/shrink.ts';
import { hasOrder } from './every-order.ts';

const numRuns = process.env.CXLPOD_DEEP === '1' ? 400_000 : 20_000;
const seed = Number(process.env.CXLPOD_SEED ?? Math.floor(Math.random() * 2 ** 31));
const budget = () => ({ steps: 1_000_000, states: 10_000 });

/** Few values, so that several write the same; few tickets, so that much is at the same time; sometimes the open ones are many. */
const operations = record({
  count: integer({ min: 1, max: 7 }),
  values: integer({ min: 1, max: 2 }),
  open: integer({ min: 1, max: 4 }),
})
  .chain(({ count, values, open }) =>
    record({
      tickets: uniqueArray(integer({ min: 0, max: 40 }), { minLength: 2 * count, maxLength: 2 * count }),
      drawn: array(
        record({
          kind: constantFrom('read' as const, 'write' as const),
          value: integer({ min: 0, max: values }),
          isOpen: integer({ min: 1, max: open }).map((drawn) => drawn === 1 && open > 1),
          hasEnd: boolean(),
        }),
        { minLength: count, maxLength: count },
      ),
    }),
  )
  .map(({ tickets, drawn }) =>
    drawn.map(({ kind, value, isOpen, hasEnd }, index): Operation => {
      const [a, b] = [tickets[2 * index]!, tickets[2 * index + 1]!];
      return { kind, value, isOpen, from: Math.min(a, b), to: isOpen && !hasEnd ? Number.POSITIVE_INFINITY : Math.max(a, b) };
    }),
  );

describe(`a few operations (seed ${seed})`, () => {
  test('are explained if and only if they have an order', () => {
    let without = 0;
    assert(
      property(operations, integer({ min: 0, max: 1 }), (some, initial) => {
        const { found } = explain(some, initial, budget());
        if (found === 'none') without++;
        expect(found).toBe(hasOrder(some, initial) ? 'order' : 'none');
      }),
      { numRuns, seed },
    );
    expect(without).toBeGreaterThan(numRuns / 10);
    expect(without).toBeLessThan(numRuns - numRuns / 10);
  });

  test('that nothing explains are shrunk to some that nothing explains, of which none can be spared', () => {
    assert(
      property(operations, integer({ min: 0, max: 1 }), (some, initial) => {
        const explained = explain(some, initial, budget());
        if (explained.found !== 'none') return;
        const few = shrink(some, { initial, last: explained.last, budget: budget() });
        expect(hasOrder(few, initial)).toBe(false);
        for (const spared of few.filter(({ kind }) => kind === 'read')) {
          expect(
            hasOrder(
              few.filter((each) => each !== spared),
              initial,
            ),
          ).toBe(true);
        }
      }),
      { numRuns: numRuns / 4, seed },
    );
  });

  test('that may be missing are used while they last: the one that expires sooner first', () => {
    const lasting: Operation = { kind: 'write', value: 0, isOpen: true, from: 0, to: 90 };
    const expiring: Operation = { ...lasting, from: 1, to: 20 };
    const done = (kind: 'read' | 'write', value: number, from: number): Operation => ({
      kind,
      value,
      isOpen: false,
      from,
      to: from + 1,
    });
    const some = [lasting, expiring, done('read', 0, 10), done('write', 1, 30), done('read', 0, 50)];
    expect(hasOrder(some, 2)).toBe(true);
    expect(explain(some, 2, budget())).toEqual({ found: 'order' });
  });

  test('are not judged when that would take too many steps or states', () => {
    const hard = Array.from({ length: 12 }, (_, n): Operation[] => [
      { kind: 'write', value: n % 3, isOpen: false, from: n, to: 400 + n },
      { kind: 'read', value: (n * 7) % 3, isOpen: false, from: 50 + 5 * n, to: 84 + 5 * n - 0.5 },
    ]).flat();
    const allowed = { steps: 2_000_000, states: 20_000 };
    expect(explain(hard, 50, { ...allowed, steps: 1000 })).toMatchObject({ found: 'gave-up' });
    expect(explain(hard, 50, { ...allowed, states: 3 })).toMatchObject({ found: 'gave-up' });
    expect(explain(hard, 50, { ...allowed, isOver: () => true })).toMatchObject({ found: 'gave-up' });
    expect(explain(hard, 50, allowed)).toEqual({ found: 'order' });
  });
});
