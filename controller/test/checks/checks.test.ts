/** Every check sees good evidence as good, and the evidence that was planted for it as what it is. */
import type { HistoryRecord } from '@cxlpod/agent/history';
import type { ProblemKind } from '@cxlpod/agent/inspect';
import { describe, expect, test } from 'vitest';
import { answeredAfterRestart } from '../../src/checks/answered-after-restart.ts';
import { atMostOnce } from '../../src/checks/at-most-once.ts';
import type { Check } from '../../src/checks/check.ts';
import { controlsFail } from '../../src/checks/controls-fail.ts';
import { everyRoundMeasured } from '../../src/checks/every-round-measured.ts';
import { exactCounts } from '../../src/checks/exact-counts.ts';
import { fencedStaySilent } from '../../src/checks/fenced-stay-silent.ts';
import { finerGrained } from '../../src/checks/finer-grained.ts';
import { forgeriesRefused } from '../../src/checks/forgeries-refused.ts';
import { handOverExactlyOnce } from '../../src/checks/hand-over-exactly-once.ts';
import { heapGoesOn } from '../../src/checks/heap-goes-on.ts';
import { historyWhole } from '../../src/checks/history-whole.ts';
import { checks } from '../../src/checks/index.ts';
import { judge, judgeOne } from '../../src/checks/judge.ts';
import { linearizable } from '../../src/checks/linearizable.ts';
import { lockBlocksSurvivors } from '../../src/checks/lock-blocks-survivors.ts';
import { migratesByMetadata } from '../../src/checks/migrates-by-metadata.ts';
import { noCallFailed } from '../../src/checks/no-call-failed.ts';
import { noDanglingReference } from '../../src/checks/no-dangling-reference.ts';
import { noLeak } from '../../src/checks/no-leak.ts';
import { nobodyFenced } from '../../src/checks/nobody-fenced.ts';
import { nothingLeftBehind } from '../../src/checks/nothing-left-behind.ts';
import { onlyPlannedDeaths } from '../../src/checks/only-planned-deaths.ts';
import { outcomeUnknownTyped } from '../../src/checks/outcome-unknown-typed.ts';
import { passesByReference } from '../../src/checks/passes-by-reference.ts';
import { poolSound } from '../../src/checks/pool-sound.ts';
import { programSucceeded } from '../../src/checks/program-succeeded.ts';
import { queueExactlyOnce } from '../../src/checks/queue-exactly-once.ts';
import { recoveredInTime } from '../../src/checks/recovered-in-time.ts';
import { resultsChecked } from '../../src/checks/results-checked.ts';
import { sharingNeedsLess } from '../../src/checks/sharing-needs-less.ts';
import { survivorsProgress } from '../../src/checks/survivors-progress.ts';
import { toldInTime } from '../../src/checks/told-in-time.ts';
import { wholeAfterAllStopped } from '../../src/checks/whole-after-all-stopped.ts';
import { createFaults } from '../../src/faults/index.ts';
import type { AuditedPool, Evidence } from '../../src/runs/evidence.ts';
import { worst } from '../../src/runs/verdict.ts';
import type { CallsResult } from '../../src/workload/calls.ts';
import {
  callsResult,
  controlsEvidence,
  crashEvidence,
  death,
  heapFailureEvidence,
  history,
  kvEvidence,
  pingEvidence,
  survivalWith,
  withCalls,
  withHistory,
} from './evidence-of-a-good-run.ts';

const faultFired: Check = {
  name: 'fault-fired',
  sentence: '',
  check: (evidence) => createFaults(evidence.scenario)[0]!.fired(evidence, evidence.faults[0]!),
};

const failure = callsResult().failures[0]!;
const isLastWords = (record: HistoryRecord): boolean => record.kind === 'last-words';
const isEndOf = (call: number) => (record: HistoryRecord) => record.kind === 'end' && record.call === call;
const without = (drop: (record: HistoryRecord) => boolean): Evidence => withHistory((all) => all.filter((each) => !drop(each)));
/** The server left no last words, since its machine ended; at this ticket it was recovered. */
const recoveredAt = (ticket: number): Evidence =>
  withHistory((all) =>
    [
      ...all.filter((each) => !isLastWords(each)),
      { ...all[0]!, kind: 'recovered', deadClient: 3, deadIncarnation: 1, ticket } as unknown as HistoryRecord,
    ].sort((a, b) => a.ticket - b.ticket),
  );
const deathWith = (changes: object): Evidence =>
  crashEvidence({ exits: [{ ...death, ...changes }, ...crashEvidence().exits.slice(1)] });
/** The server dies once the answer to call 2 is published. */
const answeredInFlight = (failures: CallsResult['failures']): Evidence => {
  const records = history().map((record) =>
    record.kind === 'end' && record.call === 2 ? ({ ...record, outcome: 'ok' } as HistoryRecord) : record,
  );
  return crashEvidence({
    history: { records, unpublished: [], overflow: 0, problems: [] },
    workload: { name: 'calls', result: callsResult({ failures }) },
  });
};
const noHistory = crashEvidence({ history: null });
const noResult = crashEvidence({ workload: null });
const historyWith = (changes: object): Evidence =>
  crashEvidence({ history: { records: history(), unpublished: [], overflow: 0, problems: [], ...changes } });
const pingWith = (changes: Parameters<typeof pingEvidence>[0]): Evidence => pingEvidence(changes);

const poolWith = (changes: Partial<AuditedPool>): Evidence => crashEvidence({ pool: { ...crashEvidence().pool!, ...changes } });
const found = (kind: ProblemKind): Evidence =>
  poolWith({ problems: ['what is wrong'], findings: [{ kind, count: 2, sentences: ['what is wrong', 'and again'] }] });
const notRecounted: readonly Planted[] = [
  ['the pool cannot be read', crashEvidence({ pool: null })],
  ['the pool has no heap', poolWith({ heap: undefined })],
  ['a client was at work, and a count was off', poolWith({ unsettled: 1 })],
];

const restartWith = (changes: object) => ({ restart: { problems: [], found: 1, left: 0, wanted: 1, ...changes } });

type Planted = readonly [situation: string, evidence: Evidence];

const planted: readonly { check: Check; good?: Evidence; invalid: readonly Planted[]; unknown: readonly Planted[] }[] = [
  {
    check: faultFired,
    invalid: [],
    unknown: [
      ['nobody died', crashEvidence({ exits: crashEvidence().exits.slice(1) })],
      ['the worker left when asked', deathWith({ asked: true })],
      ['it ended by another signal', deathWith({ signal: 'SIGSEGV' })],
      ['its end was not seen', deathWith({ fenced: null })],
      ['it left no last words', without(isLastWords)],
      [
        'it died at another passage',
        withHistory((all) => all.map((each) => (isLastWords(each) ? ({ ...each, hit: 7 } as HistoryRecord) : each))),
      ],
      [
        'it died at another point',
        withHistory((all) =>
          all.map((each) => (isLastWords(each) ? ({ ...each, point: 'rpc/serve/after-take' } as HistoryRecord) : each)),
        ),
      ],
      [
        'the last words are of another process',
        withHistory((all) => all.map((each) => (isLastWords(each) ? { ...each, pid: 999 } : each))),
      ],
      ['the history cannot be read', noHistory],
    ],
  },
  {
    check: onlyPlannedDeaths,
    invalid: [
      ['the caller died as well', crashEvidence({ exits: [death, { ...death, machine: 'vm2', worker: 'caller', pid: 200 }] })],
      [
        'a worker failed while leaving',
        crashEvidence({ exits: [death, { ...death, pid: 101, asked: true, signal: null, exitCode: 70 }] }),
      ],
      ['the server died, but not by SIGKILL', deathWith({ signal: 'SIGSEGV' })],
      ['the server that replaced the killed one died too', crashEvidence({ exits: [death, { ...death, pid: 101 }] })],
    ],
    unknown: [],
  },
  {
    check: outcomeUnknownTyped,
    invalid: [
      ['the call in flight timed out instead', withCalls({ failures: [{ ...failure, code: 'TIMEOUT' }] })],
      ['the call in flight was told nothing', withCalls({ failures: [] })],
      ['another call was told', withCalls({ failures: [{ ...failure, call: 4 }] })],
      ['a second call was told too', withCalls({ failures: [failure, { ...failure, call: 3 }] })],
      ['the call in flight was told that it was never sent', withCalls({ failures: [{ ...failure, code: 'PEER_LOST' }] })],
    ],
    unknown: [
      ['nobody died', without(isLastWords)],
      ['the workload failed', noResult],
      ['the history cannot be read', noHistory],
      ['the call in flight was answered, and nobody was told', answeredInFlight([])],
    ],
  },
  {
    check: toldInTime,
    invalid: [
      ['it took longer than the deadline', withCalls({ failures: [{ ...failure, endNs: failure.startNs + 1_000_000_001 }] })],
    ],
    unknown: [
      ['no call failed', withCalls({ failures: [] })],
      ['the workload failed', noResult],
    ],
  },
  {
    check: answeredAfterRestart,
    invalid: [
      ['a call is missing', withCalls({ answered: 3 })],
      ['nothing was answered after the death', withHistory((all) => all.filter((each) => each.ticket <= 4))],
      ['nothing was answered after the recovery of who ended with a machine', recoveredAt(99)],
    ],
    unknown: [
      ['nobody died', without(isLastWords)],
      ['the workload failed', noResult],
      ['the history cannot be read', noHistory],
    ],
  },
  {
    check: answeredAfterRestart,
    good: recoveredAt(4),
    invalid: [],
    unknown: [],
  },
  {
    check: noCallFailed,
    good: withCalls({ failures: [] }),
    invalid: [
      ['a call was told that its outcome is unknown', crashEvidence()],
      ['a call is missing', withCalls({ failures: [], answered: 3 })],
    ],
    unknown: [['the workload failed', noResult]],
  },
  {
    check: atMostOnce,
    invalid: [
      ['a request was executed twice', withCalls({ served: [4] })],
      ['more was answered than executed', withCalls({ served: [1] })],
      ['a call ended twice', withHistory((all) => [...all, { ...all.find(isEndOf(3))!, ticket: 99 }])],
      ['a call began twice', withHistory((all) => [...all, { ...all[0]!, ticket: 99 }])],
    ],
    unknown: [
      ['the history has no calls', withHistory((all) => all.filter(isLastWords))],
      ['the workload failed', noResult],
      ['the history cannot be read', noHistory],
    ],
  },
  {
    check: survivorsProgress,
    invalid: [['the caller is stuck', withHistory((all) => all.filter((each) => each.ticket <= 4))]],
    unknown: [
      ['nobody died', without(isLastWords)],
      ['nobody had completed anything', withHistory((all) => all.filter((each) => each.ticket >= 2))],
      ['the history cannot be read', noHistory],
    ],
  },
  {
    check: historyWhole,
    invalid: [
      ['a living client’s call has no end', without(isEndOf(4))],
      ['more records are torn than workers died', historyWith({ unpublished: [7, 8] })],
      ['the bytes are wrong', historyWith({ problems: ['record 3 is of no kind'] })],
    ],
    unknown: [
      ['records found no room', historyWith({ overflow: 1 })],
      ['it is empty', historyWith({ records: [] })],
      ['it cannot be read', noHistory],
    ],
  },
  {
    check: noLeak,
    invalid: [
      ['an object counts a reference that nobody holds', found('over-counted')],
      ['nobody refers to an object', found('leak')],
      ['objects refer to each other, and nothing leads there', poolWith({ heap: { objects: 3, unreachable: 2, corpses: 0 } })],
    ],
    unknown: notRecounted,
  },
  {
    check: noDanglingReference,
    invalid: [['a root names a free block', found('dangling-reference')]],
    unknown: notRecounted,
  },
  {
    check: exactCounts,
    invalid: [
      ['a count is too high', found('over-counted')],
      ['a count is too low', found('under-counted')],
      ['nobody refers to an object', found('leak')],
    ],
    unknown: notRecounted,
  },
  {
    check: poolSound,
    invalid: [['the audit found something', poolWith({ problems: ['client 3 is in two states', 'b', 'c', 'd'] })]],
    unknown: [['the pool cannot be read', crashEvidence({ pool: null })]],
  },
  {
    check: everyRoundMeasured,
    good: pingEvidence(),
    invalid: [['the servers executed nothing', pingWith({ served: 0 })]],
    unknown: [
      ['the workload failed', { ...pingEvidence(), workload: null }],
      [
        'there were too few rounds',
        (() => {
          const evidence = pingEvidence();
          (evidence.workload!.result as { comparison: { rounds: number } }).comparison.rounds = 4;
          return evidence;
        })(),
      ],
      [
        'a round has no time',
        (() => {
          const evidence = pingEvidence();
          const { comparison } = evidence.workload!.result as { comparison: { entries: { perRoundP50Ns: number[] }[] } };
          comparison.entries[1]!.perRoundP50Ns[2] = 0;
          return evidence;
        })(),
      ],
    ],
  },
  {
    check: forgeriesRefused,
    good: pingEvidence(),
    invalid: [['one was accepted', pingWith({ forged: { sent: 12, refused: 11 } })]],
    unknown: [
      ['none was sent', pingWith({ forged: { sent: 0, refused: 0 } })],
      ['the workload failed', { ...pingEvidence(), workload: null }],
    ],
  },
  {
    check: resultsChecked,
    good: heapFailureEvidence(),
    invalid: [],
    unknown: [
      ['nothing was compared', heapFailureEvidence({ count: 0 })],
      ['the workload failed', noResult],
    ],
  },
  {
    check: linearizable,
    good: kvEvidence(2),
    invalid: [
      ['a get sees the value before the last one', kvEvidence(1)],
      ['a get sees no value', kvEvidence(0)],
    ],
    unknown: [
      ['the history cannot be read', noHistory],
      ['the history had no room', kvEvidence(2, 1)],
      ['no operation of a store is in it', crashEvidence()],
    ],
  },
  {
    check: lockBlocksSurvivors,
    good: heapFailureEvidence(),
    invalid: [
      ['the survivor worked on', heapFailureEvidence({ lock: survivalWith({ blocked: 70 }) })],
      ['the survivor was never refused', heapFailureEvidence({ lock: survivalWith({ after: { operations: 0, ms: 100 } }) })],
    ],
    unknown: [
      ['the survivor had done nothing', heapFailureEvidence({ lock: survivalWith({ before: { operations: 0, ms: 100 } }) })],
      ['the survivor was not watched', heapFailureEvidence({ lock: survivalWith({ after: { operations: 0, ms: 0 } }) })],
      ['all died', heapFailureEvidence({ lock: { survival: null } })],
      ['the workload failed', noResult],
    ],
  },
  {
    check: heapGoesOn,
    good: heapFailureEvidence(),
    invalid: [['the survivor stood still', heapFailureEvidence({ shm: survivalWith({ after: { operations: 0, ms: 100 } }) })]],
    unknown: [
      ['the survivor had done nothing', heapFailureEvidence({ shm: survivalWith({ before: { operations: 0, ms: 100 } }) })],
      ['the survivor was not watched', heapFailureEvidence({ shm: survivalWith({ after: { operations: 0, ms: 0 } }) })],
      ['all died', heapFailureEvidence({ shm: { survival: null } })],
      ['the workload failed', noResult],
    ],
  },
  {
    check: wholeAfterAllStopped,
    good: heapFailureEvidence(),
    invalid: [
      ['something is damaged', heapFailureEvidence({ shm: restartWith({ problems: ['what is wrong'] }) })],
      ['what the dead held is gone', heapFailureEvidence({ lock: restartWith({ found: 0 }) })],
      ['something is left', heapFailureEvidence({ lock: restartWith({ left: 1 }) })],
    ],
    unknown: [
      ['nobody came after', heapFailureEvidence({ lock: { restart: null } })],
      ['the workload failed', noResult],
    ],
  },
  {
    check: controlsFail,
    good: controlsEvidence(['block 1 of the naive heap is leaked'], ['slot 0 is a dangling reference']),
    invalid: [
      ['nothing leaked', controlsEvidence([], ['slot 0 is a dangling reference'])],
      ['nothing dangles', controlsEvidence(['block 1 of the naive heap is leaked'], [])],
      [
        'the wrong thing was found',
        controlsEvidence(['slot 0 is a dangling reference'], ['block 1 of the naive heap is leaked']),
      ],
    ],
    unknown: [['the workload failed', noResult]],
  },
];

describe.each(planted)('$check.name', ({ check, good, invalid, unknown }) => {
  test('is valid for a good run', () => {
    expect(check.check(good ?? crashEvidence())).toMatchObject({ verdict: 'valid' });
  });

  test.each(invalid.map(([situation, evidence]) => ({ situation, evidence })))('is invalid when $situation', ({ evidence }) => {
    expect(check.check(evidence)).toMatchObject({ verdict: 'invalid' });
  });

  test.each(unknown.map(([situation, evidence]) => ({ situation, evidence })))('is unknown when $situation', ({ evidence }) => {
    expect(check.check(evidence)).toMatchObject({ verdict: 'unknown' });
  });
});

test('outcome-unknown-typed and answered-after-restart look at deaths of servers alone', () => {
  const others: HistoryRecord[] = [
    { kind: 'last-words', point: 'rpc/call/after-publish', hit: 9, machine: 2, pid: 300, client: 5, incarnation: 1, ticket: 90 },
    {
      kind: 'last-words',
      point: 'shm/resolve/after-note',
      hit: 1,
      machine: 1,
      pid: 301,
      client: 256,
      incarnation: 1,
      ticket: 91,
    },
  ];
  const caller = { ...death, machine: 'vm2', worker: 'caller', pid: 300 };
  const evidence = withHistory((all) => [...all, ...others]);
  const exits = [...evidence.exits, caller];

  expect(outcomeUnknownTyped.check({ ...evidence, exits }).verdict).toBe('valid');
  expect(answeredAfterRestart.check({ ...evidence, exits }).verdict).toBe('valid');
});

test('outcome-unknown-typed names the call that was told, which is not always the last before the death', () => {
  const { sentence } = outcomeUnknownTyped.check(answeredInFlight([{ ...failure, call: 3 }]));

  expect(sentence).toMatch(/^Told OUTCOME_UNKNOWN: call 3,/);
});

test('at-most-once lets a call that timed out have been executed', () => {
  expect(atMostOnce.check(withCalls({ failures: [{ ...failure, code: 'TIMEOUT' }] })).verdict).toBe('valid');
  expect(atMostOnce.check(withCalls({ failures: [{ ...failure, code: 'PEER_LOST' }] })).verdict).toBe('invalid');
});

describe('judging a run', () => {
  test('every check that a scenario can name is planted above, or in a file of its own', () => {
    const elsewhere = [
      ...[fencedStaySilent, nobodyFenced, nothingLeftBehind, handOverExactlyOnce, recoveredInTime], // queues-and-the-dead
      ...[finerGrained, migratesByMetadata, passesByReference, sharingNeedsLess], // paper
      ...[queueExactlyOnce, programSucceeded], // queue-exactly-once, program.local
    ].map(({ name }) => name);
    expect([...planted.map(({ check }) => check.name), ...elsewhere]).toEqual(
      expect.arrayContaining(checks.map(({ name }) => name)),
    );
  });

  test('asks for the faults and for unplanned deaths, named or not', () => {
    expect(judge(crashEvidence()).map(({ name, verdict }) => [name, verdict])).toEqual([
      ['fault-fired', 'valid'],
      ['only-planned-deaths', 'valid'],
    ]);
  });

  test('a fault that never fired makes a run unknown though every named check holds', () => {
    const judged = judge(crashEvidence({ exits: crashEvidence().exits.slice(1) }));

    expect(worst(judged.map(({ verdict }) => verdict))).toBe('unknown');
  });

  test('a fault of which no outcome was kept makes a run unknown', () => {
    const [fired] = judge(crashEvidence({ faults: [] }));

    expect(fired).toMatchObject({ name: 'fault-fired', verdict: 'unknown', sentence: 'Nothing is known of this fault.' });
  });

  test('a check that crashes is unknown and says what broke', () => {
    const broken: Check = {
      name: 'broken',
      sentence: 'Breaks.',
      check: () => {
        throw new TypeError('no such thing');
      },
    };

    expect(judgeOne(broken, crashEvidence())).toMatchObject({
      verdict: 'unknown',
      sentence: expect.stringContaining('no such thing'),
    });
  });

  test('the worst verdict wins, and nothing checked is nothing known', () => {
    expect(worst(['valid', 'unknown', 'valid'])).toBe('unknown');
    expect(worst(['unknown', 'invalid', 'valid'])).toBe('invalid');
    expect(worst(['valid'])).toBe('valid');
    expect(worst([])).toBe('unknown');
  });
});

test('processes of two machines that have one number are two', () => {
  const good = crashEvidence();
  const same = (record: HistoryRecord): HistoryRecord => ({ ...record, pid: 100 });
  const records = good.history!.records.map(same);
  const evidence = { ...good, history: { ...good.history!, records } };
  expect(atMostOnce.check(evidence)).toMatchObject({ verdict: 'valid', evidence: { answered: 4 } });
  // The caller lived: what it began has to have an end.
  const open = records.filter((record) => !isEndOf(3)(record));
  expect(historyWhole.check({ ...good, history: { ...good.history!, records: open } }).verdict).toBe('invalid');
});
