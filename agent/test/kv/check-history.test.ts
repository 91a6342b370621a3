/** The judge of histories itself. */
import { describe, expect, test } from 'vitest';
import type { HistoryRecord } from '../../src/history/index.ts';
import { kvArgument, kvProblems } from '../../src/kv/check-history.ts';

type Event = readonly [client: number, kind: 'invoke' | 'end', operation: 'put' | 'get' | 'delete', version?: number];

/** One key; each client has one call at a time. */
function history(...events: readonly Event[]): readonly HistoryRecord[] {
  const calls = new Map<number, number>();
  return events.map(([client, kind, operation, version = 0], ticket): HistoryRecord => {
    const source = { ticket, machine: client, pid: client, client, incarnation: 1, operation: `kv-${operation}` };
    if (kind === 'invoke') {
      calls.set(client, ticket);
      return { ...source, kind, call: ticket, argument: kvArgument(3, version) };
    }
    return { ...source, kind, call: calls.get(client)!, outcome: 'ok', result: version };
  });
}

const put = (version: number): readonly Event[] => [
  [1, 'invoke', 'put', version],
  [1, 'end', 'put'],
];
const get = (version: number, client = 2): readonly Event[] => [
  [client, 'invoke', 'get'],
  [client, 'end', 'get', version],
];

describe('it accepts', () => {
  test.each<[string, readonly Event[]]>([
    ['a get of nothing before the first put', [...get(0), ...put(1), ...get(1)]],
    ['either value while a put is under way', [...put(1), [1, 'invoke', 'put', 2], ...get(1), ...get(2), [1, 'end', 'put']]],
    ['a put that was never answered and never seen', [...put(1), [1, 'invoke', 'put', 2], ...get(1), ...get(1)]],
    ['nothing after a delete', [...put(1), [1, 'invoke', 'delete', 2], [1, 'end', 'delete'], ...get(0)]],
    [
      'nothing between a delete and the put after it',
      [...put(1), [2, 'invoke', 'get'], [1, 'invoke', 'delete', 2], [1, 'end', 'delete'], ...put(3), [2, 'end', 'get', 0]],
    ],
  ])('%s', (_, events) => {
    expect(kvProblems(history(...events))).toEqual([]);
  });
});

describe('it refuses', () => {
  test.each<[string, readonly Event[]]>([
    ['an old value after a put was answered', [...put(1), ...put(2), ...get(1)]],
    ['nothing, when there was a value all the time', [...put(1), [1, 'invoke', 'put', 2], ...get(0), [1, 'end', 'put']]],
    ['a value that nobody put', [...put(1), ...get(7)]],
    ['a value that is put only later', [...put(1), ...get(2), ...put(2)]],
    ['a value after its delete was answered', [...put(1), [1, 'invoke', 'delete', 2], [1, 'end', 'delete'], ...get(1)]],
    [
      'the old value after somebody saw the new one',
      [...put(1), [1, 'invoke', 'put', 2], ...get(2), ...get(1, 3), [1, 'end', 'put']],
    ],
    ['versions that do not grow', [...put(2), ...put(1)]],
  ])('%s', (_, events) => {
    expect(kvProblems(history(...events))).toHaveLength(1);
  });
});
