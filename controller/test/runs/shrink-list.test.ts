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

test('what never fails with fewer is left as it is', async () => {
  const parts = ['a', 'b', 'c'];

  expect(await shrinkList(parts, async (some) => some.length === 3)).toEqual(parts);
});
