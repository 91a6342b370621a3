/**
 * Latencies as HdrHistogram logs (interval log format 1.3), which every HdrHistogram tool reads. One file a system, one interval
 * line a round, tagged with the system's name. Values are ns; a value is the mean of `callsPerSample` calls (the clock is too
 * dear to be read around each), which the file's comment says.
 */
import type { LatencyCounts } from '@cxlpod/agent/protocol';
import { build, HistogramLogReader, HistogramLogWriter, JsHistogram } from 'hdr-histogram-js';

type Histogram = ReturnType<typeof build>;

/** Enough to tell 1,000 ns from 1,001 ns; a histogram of three digits costs some ten KiB. */
const significantDigits = 3;
/** Nothing measured here takes longer; a larger sample is counted as this, visibly at the end of the plot. */
const highestTrackableNs = 3600e9;
/** The interval line's maximum is given in ns, like everything else. */
const maxValueUnitRatio = 1;

export interface LatencyInterval {
  /** Seconds since the epoch. */
  readonly startS: number;
  readonly endS: number;
  readonly latency: LatencyCounts;
}

export interface LatencyQuantiles {
  /** Samples, each of `callsPerSample` calls. */
  readonly samples: number;
  readonly callsPerSample: number;
  readonly p50Ns: number;
  readonly p90Ns: number;
  readonly p99Ns: number;
  readonly p999Ns: number;
  readonly maxNs: number;
}

export function histogramOf(parts: readonly LatencyCounts[]): Histogram {
  const histogram = build({
    bitBucketSize: 64,
    lowestDiscernibleValue: 1,
    highestTrackableValue: highestTrackableNs,
    numberOfSignificantValueDigits: significantDigits,
  });
  for (const { counts } of parts) {
    for (const [valueNs, count] of counts) {
      histogram.recordValueWithCount(Math.min(highestTrackableNs, Math.max(1, Math.round(valueNs))), count);
    }
  }
  return histogram;
}

/** Throws a RangeError where samples of different `callsPerSample` would be mixed: their quantiles mean different things. */
export function quantilesOf(parts: readonly LatencyCounts[]): LatencyQuantiles {
  const [callsPerSample = 1, ...others] = new Set(parts.map((part) => part.callsPerSample));
  if (others.length > 0) throw new RangeError(`samples of ${[callsPerSample, ...others].join(' and of ')} calls cannot be mixed`);
  const histogram = histogramOf(parts);
  const at = (percentile: number): number => (histogram.totalCount === 0 ? 0 : histogram.getValueAtPercentile(percentile));
  return {
    samples: histogram.totalCount,
    callsPerSample,
    p50Ns: at(50),
    p90Ns: at(90),
    p99Ns: at(99),
    p999Ns: at(99.9),
    maxNs: histogram.totalCount === 0 ? 0 : histogram.maxValue,
  };
}

export function printLatencyLog(tag: string, intervals: readonly LatencyInterval[]): string {
  let text = '';
  const writer = new HistogramLogWriter((content) => {
    text += content;
  });
  const startS = intervals[0]?.startS ?? 0;
  const callsPerSample = intervals[0]?.latency.callsPerSample ?? 1;
  writer.outputLogFormatVersion();
  writer.outputComment(`[StartTime: ${startS.toFixed(3)} (seconds since epoch), ${new Date(startS * 1000).toISOString()}]`);
  writer.outputComment(`[${tag}: ns, each value the mean of ${callsPerSample} calls; Interval_Max in ns]`);
  writer.outputLegend();
  for (const interval of intervals) {
    const histogram = histogramOf([interval.latency]);
    histogram.tag = tag;
    writer.outputIntervalHistogram(histogram, interval.startS - startS, interval.endS - startS, maxValueUnitRatio);
  }
  return text;
}

/** All intervals of a log added up: values in ns with their counts, ascending. */
export function readLatencyLog(text: string): { readonly tag: string; readonly counts: readonly (readonly [number, number])[] } {
  const reader = new HistogramLogReader(text, 64);
  let total: Histogram | null = null;
  let tag = '';
  for (let next = reader.nextIntervalHistogram(); next !== null; next = reader.nextIntervalHistogram()) {
    tag = next.tag;
    if (total === null) total = next;
    else total.add(next);
  }
  return { tag, counts: total === null ? [] : countsOf(total) };
}

/** The recorded values, each as the highest one that three digits cannot tell from it. */
function countsOf(histogram: Histogram): (readonly [number, number])[] {
  if (!(histogram instanceof JsHistogram)) throw new TypeError('a histogram without an iterator over its values');
  const counts: (readonly [number, number])[] = [];
  const recorded = histogram.recordedValuesIterator;
  recorded.reset();
  while (recorded.hasNext()) {
    const { valueIteratedTo, countAddedInThisIterationStep } = recorded.next();
    counts.push([valueIteratedTo, countAddedInThisIterationStep]);
  }
  return counts;
}
