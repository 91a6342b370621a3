import type { HistoryRecord } from '@cxlpod/agent/history';
import { describe, expect, test } from 'vitest';
import { queueExactlyOnce } from '../../src/checks/queue-exactly-once.ts';
import type { Judgement, SeenExit } from '../../src/runs/evidence.ts';
import { crashEvidence, death } from './evidence-of-a-good-run.ts';

/** `push 7`, `pushed 7`, `pop a`, `popped a 7`, `popped a 0`: the empty queue, by a pid if it ends with `@2`. */
function judge(lines: readonly string[], overflow = 0): string {
  const { verdict, sentence } = judgement(lines, { overflow });
  return `${verdict}: ${sentence}`;
}

function judgement(lines: readonly string[], { overflow = 0, exits = [] as readonly SeenExit[] }): Judgement {
  const calls = new Map<string, number>();
  const records = lines.map((line, ticket): HistoryRecord => {
    const [words, pid = '1'] = line.split('@') as [string, string?];
    const [what, name, value] = words.trim().split(' ') as [string, string, string?];
    const isPush = what.startsWith('push') || what === 'refused';
    const key = `${isPush ? 'push' : 'pop'} ${name}@${pid}`;
    const source = { ticket, machine: 1, pid: Number(pid), client: 1, incarnation: 1 };
    const operation = isPush ? 'queue-push' : 'queue-pop';
    if (what === 'push' || what === 'pop') {
      calls.set(key, ticket);
      return { ...source, kind: 'invoke', operation, call: ticket, argument: isPush ? Number(name) : 0 };
    }
    const outcome = what === 'refused' ? 'refused' : 'ok';
    return { ...source, kind: 'end', operation, call: calls.get(key)!, outcome, result: Number(value ?? 0) };
  });
  const history = { records, unpublished: [], overflow, problems: [] };
  return queueExactlyOnce.check({ ...crashEvidence(), exits, history });
}

const two = ['push 1', 'pushed 1', 'push 2', 'pushed 2'];
const drained = ['pop z@9', 'popped z 0@9'];

describe('queue-exactly-once', () => {
  test('is valid when every item comes once, in the order of its pusher', () => {
    expect(judge([...two, 'pop a', 'popped a 1', 'pop b', 'popped b 2', ...drained])).toMatch(/^valid: All 2 items/);
  });

  test('lets pops that overlap end in any order', () => {
    expect(judge([...two, 'pop a@2', 'pop b@3', 'popped b 2@3', 'popped a 1@2', ...drained])).toMatch(/^valid/);
  });

  test('lets a push whose pusher died have happened, or not', () => {
    expect(judge([...two, 'push 3', 'pop a', 'popped a 1', 'pop b', 'popped b 2', ...drained])).toMatch(/^valid/);
    expect(judge(['push 3', 'pop a@2', 'popped a 3@2', ...drained])).toMatch(/^valid/);
  });

  test('lets a pop whose client died have taken one item, not two', () => {
    expect(judge([...two, 'pop dead@2', 'pop b', 'popped b 2', ...drained])).toMatch(
      /^valid: .*1 of 2 were taken by pops that died/,
    );
    expect(judge([...two, 'pop dead@2', ...drained])).toMatch(/^invalid: 2 items were pushed and never popped/);
  });

  test.each([
    [
      'an item that is lost',
      [...two, 'pop a', 'popped a 1', ...drained],
      /^invalid: 1 items were pushed and never popped.* first is 2/,
    ],
    ['an item that comes twice', [...two, 'pop a', 'popped a 1', 'pop b', 'popped b 1'], /^invalid: Item 1 .*popped 2 times/],
    ['an item from nowhere', [...two, 'pop a', 'popped a 9'], /^invalid: Item 9 was popped, and nobody pushed it/],
    ['an item from the future', ['pop a@2', 'popped a 1@2', ...two], /^invalid: Item 1 .*before its push began/],
    ['an item that overtakes', [...two, 'pop a', 'popped a 2', 'pop b', 'popped b 1'], /^invalid: Item 2 .*overtook item 1/],
    ['an item that was refused', ['push 1', 'refused 1', 'pop a', 'popped a 1'], /^invalid: Item 1 .*its push was refused/],
    ['two items of one number', [...two, 'push 1@2', 'pushed 1@2'], /^invalid: Item 1 was pushed twice/],
  ])('sees %s', (_, lines, said) => {
    expect(judge(lines)).toMatch(said);
  });

  test('says of an item that comes twice who took it, and who died meanwhile', () => {
    const exits = [
      { ...death, worker: 'program-1', pid: 2 },
      { ...death, worker: 'program-2', pid: 3, asked: true },
      { ...death, worker: 'program-3', pid: 4 },
    ];
    const took = ['push 1', 'pushed 1', 'pop early@4', 'pop a@2', 'popped a 1@2', 'pop dead@2', 'pop b@3', 'popped b 1@3'];

    const { verdict, sentence, evidence } = judgement(took, { exits });

    const [first, second] = ['program-1 on vm1 (pid 2)', 'program-2 on vm1 (pid 3)'];
    expect(`${verdict}: ${sentence}`).toBe(
      `invalid: Item 1 of machine 1, pid 1 was popped 2 times, by ${first}, then by ${second}; meanwhile ${first} died.`,
    );
    expect(evidence).toMatchObject({
      pops: [
        { by: first, invoked: 3, ended: 4 },
        { by: second, invoked: 6, ended: 7 },
      ],
      deaths: [
        { of: 'program-3 on vm1 (pid 4)', ticket: 2 },
        { of: first, ticket: 5 },
      ],
    });
  });

  test('does not know about items of which nobody looked whether they are still there', () => {
    expect(judge([...two, 'pop a', 'popped a 1'])).toMatch(/^unknown: 1 items were not popped, and nobody found the queue empty/);
    expect(judge([...drained, ...two])).toMatch(/^unknown/);
  });

  test('does not know without a whole history', () => {
    expect(judge([])).toMatch(/^unknown: Nothing was pushed/);
    expect(judge(two, 3)).toMatch(/^unknown: 3 records found no room/);
    expect(queueExactlyOnce.check({ ...crashEvidence(), history: null }).verdict).toBe('unknown');
  });
});
