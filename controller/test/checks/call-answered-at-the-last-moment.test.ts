import { expect, test } from 'vitest';
import { outcomeUnknownTyped } from '../../src/checks/outcome-unknown-typed.ts';
import { callsResult, crashEvidence, history } from './evidence-of-a-good-run.ts';

test('a call whose answer was published just before the death may be answered, and the next one told that it is unknown', () => {
  const records = history().map((record) => {
    if (record.kind === 'last-words') return { ...record, point: 'rpc/serve/after-publish' };
    return record.kind === 'end' && record.call === 2 ? { ...record, outcome: 'ok' } : record;
  });
  const failures = [{ ...callsResult().failures[0]!, call: 3 }];
  const evidence = crashEvidence({
    history: { records, unpublished: [], overflow: 0, problems: [] },
    workload: { name: 'calls', result: callsResult({ failures }) },
  });

  expect(outcomeUnknownTyped.check(evidence).verdict).toBe('valid');
});
