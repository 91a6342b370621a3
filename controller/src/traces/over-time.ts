/** Latencies by when they were measured: of however many samples, as many bins as a drawing can show. */

export interface LatencyOverTime {
  /** Of what, for people. */
  readonly label: string;
  /** A sample is the mean of so many calls; of the most usual kind. */
  readonly callsPerSample: number;
  readonly binNs: number;
  /** Those that have samples, ascending. */
  readonly bins: readonly LatencyBin[];
}

export interface LatencyBin {
  readonly fromNs: number;
  /** Of the samples that ended in it. */
  readonly p50Ns: number;
  readonly p99Ns: number;
  readonly maxNs: number;
}

interface Sample {
  readonly series: string;
  readonly startNs: number;
  readonly endNs: number;
  readonly calls: number;
}

const binsWanted = 400;
const leastBinNs = 1_000_000;

export function latenciesOverTime(samples: readonly Sample[], endNs: number): readonly LatencyOverTime[] {
  const binNs = Math.max(leastBinNs, Math.ceil(endNs / binsWanted));
  const bySeries = new Map<string, Sample[]>();
  for (const sample of samples) {
    const own = bySeries.get(sample.series);
    if (own === undefined) bySeries.set(sample.series, [sample]);
    else own.push(sample);
  }
  return [...bySeries].map(([label, own]) => ({ label, callsPerSample: mostUsual(own), binNs, bins: binsOf(own, binNs) }));
}

function binsOf(samples: readonly Sample[], binNs: number): LatencyBin[] {
  const bins = new Map<number, number[]>();
  for (const { startNs, endNs, calls } of samples) {
    const bin = Math.max(0, Math.floor(endNs / binNs));
    const values = bins.get(bin) ?? [];
    values.push((endNs - startNs) / calls);
    bins.set(bin, values);
  }
  return [...bins]
    .sort(([a], [b]) => a - b)
    .map(([bin, values]) => {
      values.sort((a, b) => a - b);
      const at = (part: number): number => Math.round(values[Math.min(values.length - 1, Math.floor(values.length * part))]!);
      return { fromNs: bin * binNs, p50Ns: at(0.5), p99Ns: at(0.99), maxNs: at(1) };
    });
}

function mostUsual(samples: readonly Sample[]): number {
  const counts = new Map<number, number>();
  for (const { calls } of samples) counts.set(calls, (counts.get(calls) ?? 0) + 1);
  return [...counts].reduce((most, each) => (each[1] > most[1] ? each : most), [1, 0])[0];
}
