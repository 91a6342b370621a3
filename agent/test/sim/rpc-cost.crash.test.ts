/** What a call costs at the device: the bar that it keeps, and the table of docs/rpc-cost.md. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { constants } from '../../src/layout/index.ts';
import { accessesOf, costOfCall, costTable } from './rpc-cost.ts';

const document = new URL('../../../docs/rpc-cost.md', import.meta.url);

test('a call of 64 bytes waits for at most 4 accesses of the device, as the paper counts them', () => {
  const cost = costOfCall(constants.LAYOUT_HARDENED);
  expect(accessesOf(cost)).toBeLessThanOrEqual(4);
  // Each side fetches the entry and the payload that the other one wrote, and nothing else.
  expect(cost).toMatchObject({ serverMisses: 2, callerMisses: 2, direct: 0 });
});

test('the count sees one line more in each direction, and the header line of the faithful layout', () => {
  const [hardened, faithful] = [constants.LAYOUT_HARDENED, constants.LAYOUT_FAITHFUL].map((layout) => costOfCall(layout));
  expect(accessesOf(costOfCall(constants.LAYOUT_HARDENED, { payloadBytes: 128 })) - accessesOf(hardened!)).toBe(2);
  expect(accessesOf(faithful!) - accessesOf(hardened!)).toBe(2);
});

test('docs/rpc-cost.md has the table as it is (if not: vitest run -u on this file)', async () => {
  const text = readFileSync(document, 'utf8');
  const [begin, end] = ['<!-- costs -->\n', '\n<!-- end of costs -->'];
  const fresh = text.slice(0, text.indexOf(begin) + begin.length) + costTable() + text.slice(text.indexOf(end));
  await expect(fresh).toMatchFileSnapshot(document.pathname);
});
