/** Checks of queues, of the dead and of what is left: a good history, and one planted for each way of being wrong. */
import { type HistoryRecord, queueItem } from '@cxlpod/agent/history';
import { describe, expect, test } from 'vitest';
import { everybodyRecovered } from '../../src/checks/everybody-recovered.ts';
import { fencedStaySilent } from '../../src/checks/fenced-stay-silent.ts';
import { handOverExactlyOnce } from '../../src/checks/hand-over-exactly-once.ts';
import { nobodyFenced } from '../../src/checks/nobody-fenced.ts';
import { nothingLeftBehind } from '../../src/checks/nothing-left-behind.ts';
import { recoveredInTime } from '../../src/checks/recovered-in-time.ts';
import { survivorsProgress } from '../../src/checks/survivors-progress.ts';
import type { RecoveryOutcome } from '../../src/recovery/index.ts';
import type { Evidence } from '../../src/runs/evidence.ts';
import { crashEvidence, death } from './evidence-of-a-good-run.ts';

type Unticketed = HistoryRecord extends infer R ? (R extends HistoryRecord ? Omit<R, 'ticket'> : never) : never;

const sender = { machine: 1, pid: 11, client: 1, incarnation: 1 };
const receiver = { machine: 2, pid: 22, client: 2, incarnation: 1 };
const bystander = { machine: 2, pid: 33, client: 3, incarnation: 1 };
const queue = 2 ** 30 + 5;

const begins = (who: typeof sender, operation: string, number: number, argument: number): Unticketed => ({
  kind: 'invoke',
  operation,
  call: queueItem(queue, number),
  argument,
  ...who,
});
const ends = (who: typeof sender, operation: string, number: number): Unticketed => ({
  kind: 'end',
  operation,
  call: queueItem(queue, number),
  outcome: 'ok',
  result: 0,
  ...who,
});
const sends = (number: number): Unticketed[] => [
  begins(sender, 'queue-send', number, receiver.client),
  ends(sender, 'queue-send', number),
];
const receives = (number: number): Unticketed[] => [
  begins(receiver, 'queue-receive', number, sender.client),
  ends(receiver, 'queue-receive', number),
];
const recovered = (client: number): Unticketed => ({
  kind: 'recovered',
  ...bystander,
  deadClient: client,
  deadIncarnation: 1,
});

function having(records: readonly Unticketed[], changes: Partial<Evidence> = {}): Evidence {
  const ticketed = records.map((record, ticket) => ({ ...record, ticket }) as HistoryRecord);
  const history = { records: ticketed, unpublished: [], overflow: 0, problems: [] };
  return crashEvidence({ exits: [], history, ...changes });
}

const killed = (machine: string, pid: number) => ({ ...death, machine, pid, fenced: null });

const outcome: RecoveryOutcome = {
  id: 2,
  incarnation: 1,
  machine: 'vm2',
  state: 'recovered',
  suspectedAt: { clock: 'controller', ns: 1e9 },
  endSeenAt: { clock: 'controller', ns: 2e9 },
  fencedAt: { clock: 'controller', ns: 2.2e9 },
  recoveredAt: { clock: 'controller', ns: 2.5e9 },
  by: 'vm1',
  because: null,
};

describe('hand-over-exactly-once', () => {
  const verdict = (evidence: Evidence) => handOverExactlyOnce.check(evidence);
  const begun = begins(sender, 'queue-send', 2, receiver.client);

  test.each<[string, readonly Unticketed[], Partial<Evidence>?]>([
    ['all arrive in order', [...sends(0), ...sends(1), ...receives(0), ...sends(2), ...receives(1), ...receives(2)]],
    ['an item arrives before its sender knows', [begun, ...receives(2), ends(sender, 'queue-send', 2)]],
    ['the item of a dead sender arrives', [...sends(0), begun, ...receives(0), ...receives(2)], { exits: [killed('vm1', 11)] }],
    ['the item of a dead sender does not arrive', [...sends(0), begun, ...receives(0)], { exits: [killed('vm1', 11)] }],
    ['items are lost with their receiver', [...sends(0), ...receives(0), ...sends(1)], { exits: [killed('vm2', 22)] }],
    ['items are lost with a receiver that took none, and was recovered', [...sends(0), recovered(receiver.client)]],
    ['items are lost with the machine of their receiver', [...sends(0)], { recoveries: [outcome] }],
  ])('holds when %s', (_, records, changes) => {
    expect(verdict(having(records, changes))).toMatchObject({ verdict: 'valid' });
  });

  test.each<[string, readonly Unticketed[], RegExp, Partial<Evidence>?]>([
    [
      'an item arrives twice',
      [...sends(0), ...receives(0), ...receives(0)],
      /item 0 of queue \d+ arrived at 4 for the second time/,
    ],
    [
      'an item arrives twice, the second time after its sender died',
      [...sends(0), begun, ...receives(0), ...receives(2), recovered(sender.client), ...receives(2)],
      /item 2 .* for the second time/,
    ],
    ['an item arrives that nobody sent', [...sends(0), ...receives(0), ...receives(5)], /never sent/],
    ['an item arrives before it is sent', [...receives(0), ...sends(0)], /before it was sent/],
    ['two items change places', [...sends(0), ...sends(1), ...receives(1), ...receives(0)], /after one that was sent later/],
    ['an item is lost', [...sends(0), ...sends(1), ...receives(1)], /Item 0 .* never arrived, and its receiver did not die/],
    [
      'an item is lost, and only its sender died',
      [...sends(0), ...sends(1), ...receives(0), recovered(sender.client)],
      /Item 1 .* never arrived/,
      { exits: [killed('vm1', 11)] },
    ],
  ])('is invalid when %s', (_, records, sentence, changes) => {
    expect(verdict(having(records, changes))).toMatchObject({ verdict: 'invalid', sentence: expect.stringMatching(sentence) });
  });

  test('is unknown without a history, without items, or when the workload failed and items are missing', () => {
    expect(verdict(crashEvidence({ history: null })).verdict).toBe('unknown');
    expect(verdict(having([])).verdict).toBe('unknown');
    expect(verdict(having(sends(0), { workload: null })).verdict).toBe('unknown');
    expect(verdict(having([...sends(0), ...receives(0), ...receives(0)], { workload: null })).verdict).toBe('invalid');
  });
});

describe('survivors-progress', () => {
  const verdict = (evidence: Evidence) => survivorsProgress.check(evidence).verdict;
  const goesOn = [...sends(0), ...receives(0), ...sends(1)];
  /** It has begun an item after the death and never ends. */
  const isStuck = [...goesOn.slice(0, 4), begins(sender, 'queue-send', 1, receiver.client)];

  test.each<[string, Partial<Evidence>]>([
    ['was killed without last words', { exits: [killed('vm2', 22)] }],
    ['died with its machine', { recoveries: [outcome] }],
  ])('looks at survivors of one that %s', (_, changes) => {
    expect(verdict(having(goesOn, changes))).toBe('valid');
    expect(verdict(having(isStuck, changes))).toBe('invalid');
  });

  test('looks at survivors of one of whom only its recovery is known', () => {
    expect(verdict(having([...goesOn, recovered(receiver.client)]))).toBe('valid');
    expect(verdict(having([...isStuck, recovered(receiver.client)]))).toBe('invalid');
  });

  test('does not take for stuck who had done its work before the last death', () => {
    const idle = { ...bystander, pid: 44, client: 4 };
    const idlers = [begins(idle, 'queue-push', 0, 0), ends(idle, 'queue-push', 0)];
    const dead = { exits: [killed('vm2', 22)] };

    expect(verdict(having([...idlers, ...goesOn], dead))).toBe('valid');
    expect(verdict(having([...idlers, ...goesOn, begins(idle, 'queue-push', 1, 0)], dead))).toBe('invalid');
    // Nobody was left to make any progress.
    expect(verdict(having(goesOn.slice(0, 4), dead))).toBe('unknown');
  });

  test('takes for stuck who tries after the death and completes nothing', () => {
    const failing = { ...ends(sender, 'queue-send', 1), outcome: 'timeout' } as Unticketed;
    expect(verdict(having([...isStuck, failing], { exits: [killed('vm2', 22)] }))).toBe('invalid');
  });

  test('is unknown when nobody died', () => {
    expect(verdict(having(goesOn))).toBe('unknown');
  });
});

test('nobody-fenced holds for who is slow, and not for who was fenced or recovered', () => {
  const verdict = (records: readonly Unticketed[], changes: Partial<Evidence>) =>
    nobodyFenced.check(having(records, changes)).verdict;
  const slow: RecoveryOutcome = { ...outcome, state: 'slow', endSeenAt: null, fencedAt: null, recoveredAt: null };
  expect(verdict([], {})).toBe('valid');
  expect(verdict([], { recoveries: [slow] })).toBe('valid');
  expect(verdict([], { recoveries: [outcome] })).toBe('invalid');
  expect(verdict([], { recoveries: [{ ...slow, state: 'pending', fencedAt: outcome.fencedAt }] })).toBe('invalid');
  expect(verdict([], { exits: [death] })).toBe('invalid');
  expect(verdict([recovered(2)], {})).toBe('invalid');
});

test('fenced-stay-silent holds until somebody writes after its recovery', () => {
  const verdict = (...records: Unticketed[]) => fencedStaySilent.check(having(records)).verdict;
  const heir = { ...sender, incarnation: 2 };
  expect(verdict(...sends(0), recovered(sender.client), begins(heir, 'queue-send', 1, 2))).toBe('valid');
  expect(verdict(...sends(0), recovered(sender.client), ...sends(1))).toBe('invalid');
  expect(verdict(recovered(sender.client), recovered(sender.client), ...sends(1))).toBe('invalid');
  expect(verdict(...sends(0))).toBe('unknown');
});

test('recovered-in-time tells the slowest of the dead, and judges nobody for being slow', () => {
  const check = (...recoveries: RecoveryOutcome[]) => recoveredInTime.check(having([], { recoveries }));
  expect(check(outcome, { ...outcome, id: 3, recoveredAt: { clock: 'controller', ns: 2.9e9 } })).toMatchObject({
    verdict: 'valid',
    sentence: expect.stringContaining('Client 3 of vm2 was recovered 900 ms after'),
    evidence: { times: [{ suspectedAfterMs: -1000, fencedAfterMs: 200, recoveredAfterMs: 500 }, {}] },
  });
  expect(check({ ...outcome, recoveredAt: { clock: 'controller', ns: 6e9 } }).verdict).toBe('unknown');
  expect(check({ ...outcome, endSeenAt: null }).verdict).toBe('unknown');
  expect(check().verdict).toBe('unknown');
});

test('without a whole history, nothing is known of queues and of the fenced', () => {
  expect(fencedStaySilent.check(having([], { history: null })).verdict).toBe('unknown');
  const whole = having([...sends(0), ...receives(0)]);
  expect(handOverExactlyOnce.check(whole).verdict).toBe('valid');
  const history = { ...whole.history!, overflow: 1 };
  expect(handOverExactlyOnce.check({ ...whole, history }).verdict).toBe('unknown');
});

test('everybody-recovered knows nothing while somebody is quarantined, and counts the others', () => {
  const check = (...states: RecoveryOutcome['state'][]) =>
    everybodyRecovered.check(having([], { recoveries: states.map((state, id) => ({ ...outcome, id, state })) }));
  expect(check('recovered', 'slow', 'gone')).toMatchObject({
    verdict: 'valid',
    sentence: expect.stringMatching(/^3 clients .* 1 were fenced/),
  });
  expect(check('recovered', 'pending')).toMatchObject({
    verdict: 'unknown',
    sentence: expect.stringContaining('client 1 of vm2'),
  });
});

test('nothing-left-behind holds only where everybody looked and nobody found anything', () => {
  const verdict = (leftovers: Evidence['leftovers']) => nothingLeftBehind.check(having([], { leftovers })).verdict;
  expect(verdict({ found: [], unseen: [] })).toBe('valid');
  expect(verdict({ found: ['worker server (pid 4) on vm1'], unseen: [] })).toBe('invalid');
  expect(verdict({ found: [], unseen: ['vm2: no answer'] })).toBe('unknown');
  expect(verdict(null)).toBe('unknown');
});
