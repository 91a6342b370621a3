/** What a call costs at the device: the bar that it keeps, and the tables of docs/rpc-cost.md. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { constants } from '../../src/layout/index.ts';
import { accessesOf, costOfCall, costTable } from './rpc-cost.ts';
import { ways } from './sharing-checks.ts';
import { costOfSharedCall, receiverTable, sharingTable } from './sharing-cost.ts';

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

test('past the cache or written back, as many lines are fetched; by lines of entries, fewer', () => {
  const [lines, fast, nonTemporal] = ways.map(({ sharing }) => costOfSharedCall({ sharing, payloadBytes: 64, depth: 16 }));
  expect(nonTemporal).toMatchObject({ misses: lines!.misses, writeBacks: 0, addonCalls: lines!.addonCalls });
  // Two entries, each an eighth of a line; every second line was fetched while the one before it was worked on.
  expect(fast!.misses).toBeCloseTo(lines!.misses - 2 * (1 - 1 / 16));
  const ignored = costOfSharedCall({ sharing: constants.SHARING_FAST, payloadBytes: 64, depth: 16, ignoresHints: true });
  expect(ignored.misses).toBeCloseTo(lines!.misses - 2 * (1 - 1 / 8));
});

test('docs/rpc-cost.md has the tables as they are (if not: vitest run -u on this file)', async () => {
  let fresh = readFileSync(document, 'utf8');
  for (const [name, table] of [
    ['costs', costTable()],
    ['sharing costs', sharingTable()],
    ['receivers', receiverTable()],
  ] as const) {
    const [begin, end] = [`<!-- ${name} -->\n`, `<!-- end of ${name} -->`];
    fresh = `${fresh.slice(0, fresh.indexOf(begin) + begin.length)}${table}\n${fresh.slice(fresh.indexOf(end))}`;
  }
  await expect(fresh).toMatchFileSnapshot(document.pathname);
});
