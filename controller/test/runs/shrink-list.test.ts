import fc from 'fast-check';
import { expect, test } from 'vitest';
import { shrinkList } from '../../src/runs/shrink-list.ts';

test('a list is shrunk to the parts that are needed, whichever they are, and none can be spared', async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 24 }), fc.array(fc.nat(23), { maxLength: 5 }), async (length, picked) => {
      const parts = Array.from({ length }, (_, index) => index);
      const needed = parts.filter((part) => picked.includes(part));
      let attempts = 0;

      const least = await shrinkList(parts, async (some) => {
        attempts++;
        return needed.every((part) => some.includes(part));
      });

      expect(least).toEqual(needed);
      expect(attempts).toBeLessThan(4 + length * length * 2);
    }),
  );
});

test('where several parts will do each alone, one is left', async () => {
  const least = await shrinkList([1, 2, 3, 4, 5, 6, 7, 8], async (some) => some.some((part) => part > 4));

  expect(least).toHaveLength(1);
});

test.each([[['a']], [['a', 'b', 'c']]])(
  'what never fails with fewer of %j is left as it is, and did fail once more',
  async (parts) => {
    const failed: unknown[] = [];

    const least = await shrinkList(parts, async (some) => some.length === parts.length && failed.push(some) > 0);

    expect(least).toEqual(parts);
    expect(failed).toEqual([parts]);
  },
);

test('what does not fail again is not shrunk', async () => {
  const tried: unknown[] = [];

  expect(await shrinkList(['a', 'b'], async (some) => tried.push(some) === 0)).toBeNull();
  expect(tried).toEqual([['a', 'b']]);
});
