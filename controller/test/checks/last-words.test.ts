import { recordedPoint } from '@cxlpod/agent/crash-points';
import { expect, test } from 'vitest';
import { killAtPoint } from '../../src/faults/kill-at-point.ts';
import { namePoints } from '../../src/workload/program-points.ts';
import { crashEvidence, withHistory } from './evidence-of-a-good-run.ts';

const post = { machine: 'vm1', worker: 'server' };
const point = 'program/pop/middle';

/** The server died there, at its second passage. */
const evidence = withHistory((records) =>
  records.map((record) => (record.kind === 'last-words' ? { ...record, point: recordedPoint(point) } : record)),
);

test.each([
  ['the history has a number', evidence],
  ['a run has kept the name', withHistory(() => [...namePoints(evidence.history!.records, [point])])],
])('of a program’s point, of which %s, the name is told', (_, evidence) => {
  const [outcome] = crashEvidence().faults;
  const judged = (hit: number) => killAtPoint(post, { point, hit }).fired(evidence, outcome!);

  expect(judged(2)).toMatchObject({ verdict: 'valid', evidence: { lastWords: { point, hit: 2 } } });
  expect(judged(3)).toMatchObject({ verdict: 'unknown', sentence: expect.stringContaining(`died at ${point}, passage 2, not`) });
});

test('of one that was not passed so often, where that was to be', () => {
  const [outcome] = crashEvidence().faults;
  const other = { machine: 'vm2', worker: 'server' };

  const { verdict, sentence } = killAtPoint(other, { point, hit: 2 }).fired({ ...evidence, exits: [] }, outcome!);

  expect(`${verdict}: ${sentence}`).toMatch(
    /^unknown: .*server on vm2 did not die, or come to passage 2 of program\/pop\/middle/,
  );
});
