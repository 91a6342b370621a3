/** Histories on which `linearizable` must say that it does not know, and on what it gave up. */
import type { HistoryRecord } from '@cxlpod/agent/history';
import { expect, test, vi } from 'vitest';
import { linearizable } from '../../src/checks/linearizable.ts';
import type { Evidence } from '../../src/runs/evidence.ts';
import { crashEvidence, kvEvidence, kvScenario } from './evidence-of-a-good-run.ts';

const isDeep = process.env.CXLPOD_DEEP === '1';
const keyUnit = 2 ** 24;

test('a history that takes longer than a minute is not judged', () => {
  let looks = 0;
  const clock = vi.spyOn(performance, 'now').mockImplementation(() => 61_000 * looks++);
  try {
    expect(linearizable.check(kvEvidence(2))).toMatchObject({
      verdict: 'unknown',
      sentence: 'The search gave up on 1 of 1 keys: on key 7, since the time that was allowed is used up.',
      evidence: { unjudged: [{ key: 7 }] },
    });
  } finally {
    clock.mockRestore();
  }
});

test('nor is what was judged in time called valid beside it, but what is wrong stays wrong', () => {
  const wrong = kvEvidence(1);
  const records = [...wrong.history!.records, ...kvEvidence(2).history!.records.map(ofOtherKey)];
  const both = { ...wrong, history: { ...wrong.history!, records } };
  // The search looks at the clock once a key; the minute is over after the first.
  const times = [0, 0, 61_000];
  const clock = vi.spyOn(performance, 'now').mockImplementation(() => times.shift() ?? 61_000);
  try {
    expect(linearizable.check(both)).toMatchObject({ verdict: 'invalid', evidence: { violated: 1 } });
  } finally {
    clock.mockRestore();
  }
});

/** Some seconds of an idle core. */
test.skipIf(!isDeep)('a history with too many orders is not judged, however long that may take', () => {
  const { sentence, verdict } = linearizable.check(manyWriters(18));

  expect(verdict).toBe('unknown');
  expect(sentence).toMatch(/^The search gave up on 1 of 1 keys: on key 7, since the (steps|time) that (were|was) allowed/);
});

function ofOtherKey(record: HistoryRecord): HistoryRecord {
  const moved = { ...record, ticket: record.ticket + 100 };
  return 'argument' in moved ? { ...moved, argument: moved.argument + keyUnit } : moved;
}

/** All put at once, each one of three versions, while others look: any of a version may be the one that was seen. */
function manyWriters(writers: number): Evidence {
  const records: object[] = [];
  const add = (who: number, what: object): void => {
    records.push({ machine: 1, pid: who, client: who, incarnation: 1, call: 1, ticket: records.length, ...what });
  };
  const begin = (who: number, operation: string, version: number) =>
    add(who, { kind: 'invoke', operation, argument: 7 * keyUnit + version });
  const end = (who: number, operation: string, result: number) => add(who, { kind: 'end', operation, outcome: 'ok', result });
  for (let each = 0; each < writers; each++) begin(100 + each, 'kv-put', 1 + (each % 3));
  for (let each = 0; each < writers / 2; each++) {
    begin(500 + each, 'kv-get', 0);
    end(500 + each, 'kv-get', 1 + (each % 3));
  }
  for (let each = 0; each < writers; each++) end(100 + each, 'kv-put', 0);
  const history = { records: records as HistoryRecord[], unpublished: [], overflow: 0, problems: [] };
  return crashEvidence({ scenario: kvScenario, history });
}
