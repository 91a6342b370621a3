/** Where clients of a task meet: members who died have come, or their heirs come in their place, and nobody counts twice. */
import { expect, test } from 'vitest';
import type { AgentError } from '../../src/protocol/agent-error.ts';
import { Meeting, removeMeeting } from '../../src/workloads/heap-meeting.ts';
import type { TaskContext } from '../../src/workloads/workload.ts';
import { type HeapPool, openHeaps } from '../shm/heap-pool.ts';

const token = 77;

function meetingOf(pool: HeapPool, member: number, { members = 2, thread = member, of = token } = {}): Meeting {
  const context = { core: pool.cores[thread]!, remainingMs: () => 20 } as unknown as TaskContext;
  return new Meeting(context, pool.heaps[thread]!, 'test', { token: of, members, member });
}

function outcomeOf(action: () => unknown): string {
  try {
    action();
    return 'went on';
  } catch (error) {
    return (error as AgentError).code;
  }
}

test('the last one to come lets all go on, each time', () => {
  using pool = openHeaps(2);
  {
    using host = meetingOf(pool, 0);
    using other = meetingOf(pool, 1);
    expect(outcomeOf(() => host.arrive())).toBe('DEADLINE');
    expect(outcomeOf(() => other.arrive())).toBe('went on');
    expect(outcomeOf(() => other.arrive())).toBe('DEADLINE');
    expect(outcomeOf(() => host.arrive())).toBe('went on');
  }
  expect([pool.objects(), pool.audit()]).toEqual([0, []]);
});

test('an heir arrives in the place of the dead: not as another one', () => {
  using pool = openHeaps(3);
  const host = meetingOf(pool, 0);
  const other = meetingOf(pool, 1);
  expect(outcomeOf(() => other.arrive())).toBe('DEADLINE');
  const heir = meetingOf(pool, 1, { thread: 2 });
  expect(outcomeOf(() => heir.arrive())).toBe('DEADLINE');
  expect(outcomeOf(() => host.arrive())).toBe('went on');
  for (const each of [host, other, heir]) each.leave();
  removeMeeting(pool.heaps[1]!, 'test');
  expect([pool.objects(), pool.audit()]).toEqual([0, []]);
});

test('the heir of the host finds the place, with who has come; one that comes when all have met goes on', () => {
  using pool = openHeaps(3);
  const host = meetingOf(pool, 0);
  const other = meetingOf(pool, 1);
  expect(outcomeOf(() => other.arrive())).toBe('DEADLINE');
  host.leave();
  const heir = meetingOf(pool, 0, { thread: 2 });
  expect(outcomeOf(() => heir.arrive())).toBe('went on');
  for (const each of [other, heir]) each.leave();
  const late = meetingOf(pool, 1);
  expect(outcomeOf(() => late.arrive())).toBe('went on');
  late.leave();
  expect(pool.objects()).toBe(1);
  removeMeeting(pool.heaps[0]!, 'test');
  expect([pool.objects(), pool.audit()]).toEqual([0, []]);
});

test('the place of another meeting is nobody’s: the host makes a new one, others wait for it', () => {
  using pool = openHeaps(2);
  const before = meetingOf(pool, 0, { members: 1, of: token - 1 });
  expect(outcomeOf(() => before.arrive())).toBe('went on');
  before.leave();
  expect(outcomeOf(() => meetingOf(pool, 1))).toBe('DEADLINE');
  using host = meetingOf(pool, 0);
  using other = meetingOf(pool, 1);
  expect(outcomeOf(() => host.arrive())).toBe('DEADLINE');
  expect(outcomeOf(() => other.arrive())).toBe('went on');
  expect(pool.objects()).toBe(1);
});

test('a member that the meeting does not have is refused', () => {
  using pool = openHeaps(1);
  expect(outcomeOf(() => meetingOf(pool, 1, { thread: 0, members: 1 }))).toBe('BAD_PARAMETERS');
  expect(pool.objects()).toBe(0);
});
