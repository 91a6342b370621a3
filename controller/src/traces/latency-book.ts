/** The latencies of a run by system, round by round, as the workload measures them. */
import type { LatencyCounts } from '@cxlpod/agent/protocol';
import { type LatencyInterval, type LatencyQuantiles, printLatencyLog, quantilesOf } from './latency-log.ts';

/** One distribution of the report. */
export interface LatencySeries extends LatencyQuantiles {
  /** Tag of the log and name of its file. */
  readonly tag: string;
  /** For people. */
  readonly label: string;
  /** In the run folder. */
  readonly file: string;
}

export class LatencyBook {
  readonly #systems = new Map<string, { readonly label: string; readonly intervals: LatencyInterval[] }>();

  /** `tag` becomes a file name: lower-case letters, digits and hyphens. */
  add(system: { readonly tag: string; readonly label: string }, interval: LatencyInterval): void {
    const known = this.#systems.get(system.tag) ?? { label: system.label, intervals: [] };
    known.intervals.push(interval);
    this.#systems.set(system.tag, known);
  }

  countsOf(tag: string): LatencyCounts[] {
    return this.#systems.get(tag)?.intervals.map(({ latency }) => latency) ?? [];
  }

  series(): LatencySeries[] {
    return [...this.#systems].map(([tag, { label }]) => ({ tag, label, file: fileOf(tag), ...quantilesOf(this.countsOf(tag)) }));
  }

  logs(): { readonly file: string; readonly text: string }[] {
    return [...this.#systems].map(([tag, { intervals }]) => ({ file: fileOf(tag), text: printLatencyLog(tag, intervals) }));
  }
}

function fileOf(tag: string): string {
  return `latency/${tag}.hlog`;
}
