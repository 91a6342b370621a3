/** The three or four figures that a run was made for. */
import type { RunRecord } from '../runs/run-record.ts';
import { callsResultOf, comparisonOf, heapResultOf } from '../workload/result-of.ts';
import { showCount, showNs, showRatio } from './units.ts';

export interface KeyFigure {
  readonly name: string;
  readonly value: string;
  readonly detail: string;
}

export function keyFigures(record: RunRecord): KeyFigure[] {
  return [...ofComparison(record), ...ofCalls(record), ...(heapResultOf(record.workload)?.figures ?? [])];
}

function ofComparison(record: RunRecord): KeyFigure[] {
  const comparison = comparisonOf(record.workload);
  if (comparison === null) return [];
  const again = comparison.entries.find((entry) => entry.again);
  const noise =
    again === undefined ? '' : `; the floor against itself ${showRatio(again.ratio.low)} to ${showRatio(again.ratio.high)}`;
  const figure = (tag: string): KeyFigure[] => {
    const entry = comparison.entries.find((each) => each.tag === tag);
    if (entry === undefined) return [];
    const { low, median, high } = entry.ratio;
    const detail = `${showRatio(median)} the floor in C (${showRatio(low)} to ${showRatio(high)} over ${comparison.rounds} rounds${noise})`;
    return [{ name: `${entry.label}, p50`, value: showNs(entry.p50Ns), detail }];
  };
  return [...figure('rpc-core'), ...figure('rpc-javascript'), ...figure('unix'), ...figure('tcp'), ...figure('grpc')];
}

function ofCalls(record: RunRecord): KeyFigure[] {
  const result = callsResultOf(record);
  if (result === null) return [];
  const unknown = result.failures.find(({ code }) => code === 'OUTCOME_UNKNOWN');
  return [
    {
      name: 'answered',
      value: `${showCount(result.answered)} of ${showCount(result.wanted)}`,
      detail: `${showCount(result.made)} calls made, each in the history; ${result.failures.length} failed, typed`,
    },
    ...(unknown === undefined
      ? []
      : [
          {
            name: 'the call in flight was told after',
            value: showNs(unknown.endNs - unknown.startNs),
            detail: `call ${unknown.call} got ${unknown.code}; its deadline was ${showNs(result.callDeadlineMs * 1e6)}`,
          },
        ]),
    {
      name: 'longest stall',
      value: showNs(result.longestStallNs),
      detail: 'between two answers, as the caller saw it: death, fence, a new server, a new connection',
    },
  ];
}
