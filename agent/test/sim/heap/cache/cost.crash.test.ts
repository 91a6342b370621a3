/** What the policies cost at the device: the table of docs/flush-policy.md, and the bars that the heap keeps. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { constants } from '../../../../src/layout/index.ts';
import { costsOf, costTable, policies } from './cost.ts';

const document = new URL('../../../../../docs/flush-policy.md', import.meta.url);

describe.each(policies)('with policy $title, warm, on one machine', ({ policy }) => {
  const costs = new Map(costsOf(policy, 1).map(({ operation, accesses }) => [operation, accesses]));

  test('attach and detach make at most 8 accesses of the device', () => {
    expect(costs.get('attach')! + costs.get('detach')!).toBeLessThanOrEqual(8);
  });

  test('alloc and drop of 64 B make at most 4', () => {
    expect(costs.get('alloc of 64 B')! + costs.get('drop of 64 B')!).toBeLessThanOrEqual(4);
  });
});

test('without a flush nothing of one machine goes to the device', () => {
  expect(costsOf(constants.FLUSH_NONE, 1).map(({ accesses, flushes, fences }) => accesses + flushes + fences)).toEqual(
    costsOf(constants.FLUSH_NONE, 1).map(() => 0),
  );
});

test('docs/flush-policy.md has the table as it is (if not: vitest run -u on this file)', async () => {
  const text = readFileSync(document, 'utf8');
  const [begin, end] = ['<!-- costs -->\n', '\n<!-- end of costs -->'];
  const fresh = text.slice(0, text.indexOf(begin) + begin.length) + costTable() + text.slice(text.indexOf(end));
  await expect(fresh).toMatchFileSnapshot(document.pathname);
});
