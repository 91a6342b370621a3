/** What checks read from a history: calls with their ends, and last words. */
import type { HistoryRecord } from '@cxlpod/agent/history';

export type Invoke = Extract<HistoryRecord, { kind: 'invoke' }>;
export type End = Extract<HistoryRecord, { kind: 'end' }>;
export type Recovered = Extract<HistoryRecord, { kind: 'recovered' }>;
export type LastWords = Extract<HistoryRecord, { kind: 'last-words' }>;

export const invokesOf = (records: readonly HistoryRecord[]): Invoke[] => records.filter((record) => record.kind === 'invoke');
export const endsOf = (records: readonly HistoryRecord[]): End[] => records.filter((record) => record.kind === 'end');
export const lastWordsOf = (records: readonly HistoryRecord[]): LastWords[] =>
  records.filter((record) => record.kind === 'last-words');

export const recoveredOf = (records: readonly HistoryRecord[]): Recovered[] =>
  records.filter((record) => record.kind === 'recovered');

/** One call of one incarnation of one client. */
export function clientKey({ machine, pid, client, incarnation, operation, call }: Invoke | End): string {
  return [machine, pid, client, incarnation, operation, call].join('/');
}

export function endsByCall(records: readonly HistoryRecord[]): ReadonlyMap<string, readonly End[]> {
  const ends = new Map<string, End[]>();
  for (const end of endsOf(records)) {
    const key = clientKey(end);
    const known = ends.get(key);
    if (known === undefined) ends.set(key, [end]);
    else known.push(end);
  }
  return ends;
}
