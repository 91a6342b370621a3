/** Statistics for people: a table of methods, and one of connections. */
import { byMethod, type ConnectionFigures, longestLimitNs, quantileNs } from '@cxlpod/agent/statistics';
import { table } from '../cli/table.ts';
import { showCount, showNs } from '../report/units.ts';

export interface MethodRow {
  readonly service: string;
  readonly method: number;
  readonly name: string;
  readonly calls: number;
  /** Since the reading before; null in the first. */
  readonly callsPerSecond: number | null;
  readonly failed: number;
  readonly refused: number;
  readonly overruns: number;
  /**
   * Of so many calls the time in the handler was taken; null where none was. A quantile is the upper end of its bucket, a power of
   * two; Infinity (null in JSON) in the last bucket.
   */
  readonly timed: number;
  readonly p50Ns: number | null;
  readonly p99Ns: number | null;
  readonly meanNs: number | null;
  /** On all connections of the service. */
  readonly inFlight: number;
}

/** `seconds` lie between the two readings; `before` is undefined in the first. */
export function methodRows(
  now: readonly ConnectionFigures[],
  before: readonly ConnectionFigures[] | undefined,
  seconds: number,
): readonly MethodRow[] {
  return byMethod(now).map((sum) => ({
    service: sum.service,
    method: sum.method,
    name: sum.name,
    calls: sum.calls,
    callsPerSecond: before === undefined ? null : newCalls(now, before, sum) / seconds,
    failed: sum.failed,
    refused: sum.refused,
    overruns: sum.overruns,
    timed: sum.timed,
    p50Ns: sum.timed === 0 ? null : quantileNs(sum, 0.5),
    p99Ns: sum.timed === 0 ? null : quantileNs(sum, 0.99),
    meanNs: sum.timed === 0 ? null : sum.totalNs / sum.timed,
    inFlight: now.reduce((total, { service, inFlight }) => total + (service === sum.service ? inFlight : 0), 0),
  }));
}

/** Connection by connection: one whose place is used again began at nothing. */
function newCalls(
  now: readonly ConnectionFigures[],
  before: readonly ConnectionFigures[],
  { service, method }: { readonly service: string; readonly method: number },
): number {
  const callsOf = (figures: ConnectionFigures | undefined): number =>
    figures?.methods.find((each) => each.method === method)?.calls ?? 0;
  let calls = 0;
  for (const figures of now) {
    if (figures.service !== service) continue;
    const earlier = before.find(({ connection, epoch }) => connection === figures.connection && epoch === figures.epoch);
    calls += callsOf(figures) - callsOf(earlier);
  }
  return calls;
}

export function describeStatistics(methods: readonly MethodRow[], connections: readonly ConnectionFigures[]): string {
  if (connections.length === 0) return 'nobody has listened in this pool';
  const parts: string[] = [];
  if (methods.length === 0) parts.push('nothing was called');
  else {
    const head = ['service', 'method', 'calls', 'per second', 'failed', 'refused', 'over budget', 'p50', 'p99', 'in flight'];
    const rows = methods.map((row) => [
      row.service,
      row.name === '' ? String(row.method) : row.name,
      showCount(row.calls),
      row.callsPerSecond === null ? '' : showCount(Math.round(row.callsPerSecond)),
      showCount(row.failed),
      showCount(row.refused),
      showCount(row.overruns),
      showLimit(row.p50Ns),
      showLimit(row.p99Ns),
      showCount(row.inFlight),
    ]);
    const hasTimes = methods.some(({ timed }) => timed > 0);
    parts.push(
      table([head, ...rows]) + (hasTimes ? '\ntimes in the handler, of one in so many calls: upper ends of buckets' : ''),
    );
  }
  const head = [
    'connection',
    'epoch',
    'service',
    'state',
    'sent',
    'in flight',
    'sent again',
    'late',
    'no requests',
    'times one in',
  ];
  const rows = connections.map((each) => [
    String(each.connection),
    String(each.epoch),
    each.service,
    each.state,
    showCount(each.sent),
    showCount(each.inFlight),
    showCount(each.resent),
    showCount(each.late),
    showCount(each.forged),
    String(each.timedOneOf),
  ]);
  parts.push(table([head, ...rows]));
  return parts.join('\n\n');
}

/** Of a bucket: `< 256 ns`; of the last, which has no end, the end of the one before. */
function showLimit(ns: number | null): string {
  if (ns === null) return '';
  return Number.isFinite(ns) ? `< ${showNs(ns)}` : `> ${showNs(longestLimitNs)}`;
}
