/** What a workload is: one file each, listed in `index.ts`. */
import type { z } from 'zod';
import type { Pod } from '../cluster/pod.ts';
import type { Crew } from '../runs/crew/crew.ts';
import type { Post } from '../runs/crew/hand.ts';
import type { FaultOutcome } from '../runs/evidence.ts';
import type { LatencyBook } from '../traces/latency-book.ts';
import type { Timeline } from '../traces/timeline.ts';

export interface Workload<Parameters = unknown, Result = unknown> {
  readonly name: string;
  /** What it does, for the report. */
  readonly sentence: string;
  /** Its keys in a scenario file, `name` aside. */
  readonly parameters: z.ZodType<Parameters>;
  /** `heap`: its tasks open the heap of the pool. */
  readonly needs: { readonly machines: number; readonly heap?: boolean };
  /** Every worker that it hires on these machines, all of the pod in order: a fault of another one is refused before anything starts. */
  posts(parameters: Parameters, machines: readonly string[]): readonly Post[];
  /**
   * Does the work and returns what it measured: plain data, since it is kept in run.json and judged by checks. Throws where it
   * cannot go on; the run is then `unknown`, or `invalid` when the error says that the system gave a wrong answer.
   */
  run(parameters: Parameters, context: WorkloadContext): Promise<Result>;
}

/** What workloads and faults have of their run. */
export interface WorkloadContext {
  readonly pod: Pod;
  readonly crew: Crew;
  readonly timeline: Timeline;
  readonly latencies: LatencyBook;
  /** Of the scenario, for whatever is random. */
  readonly seed: number;
  /** Where this run begins in the history of the pod. */
  readonly firstTicket: number;
  /** The same for whoever goes on with this run, another one for any other run: what numbers that workers share count from. */
  readonly tokenBase: number;
  readonly signal: AbortSignal;
  /** What has come of the faults of the scenario, in its order, so far. */
  faults(): readonly FaultOutcome[];
  /**
   * No fault strikes from now on, and what was struck is healed: for the end of a workload that measures or looks after its work.
   * Called in any case when the workload has ended.
   */
  endFaults(): Promise<void>;
  /** Copies a file into the run folder: what a replay needs that is not of cxlpod. */
  keep(from: string, to: string): void;
  /** One line for the person who waits. */
  say(text: string): void;
}
