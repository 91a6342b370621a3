/**
 * What the coherence gate's figures say (design D1). Exact totals prove nothing when the machines did not overlap, so overlap itself
 * must be shown: compare-and-swaps that lost, and plain increments, run beside the atomic ones, that were lost.
 */
import type { GateResult } from '@cxlpod/agent/protocol';

export interface GateReport {
  /** `unknown`: nothing wrong was seen, and nothing was proved. */
  readonly verdict: 'passed' | 'failed' | 'unknown';
  readonly iterations: number;
  readonly machines: number;
  /** Sentences; what was wrong, or what could not be shown. Empty when passed. */
  readonly problems: readonly string[];
  readonly fetchAdd: Tally;
  readonly casCounter: Tally;
  readonly plain: Tally;
  readonly casLost: number;
  readonly litmus: readonly { readonly name: string; readonly runs: number; readonly forbidden: number }[];
}

/** How many increments a word kept, of how many there were. */
export interface Tally {
  readonly kept: number;
  readonly of: number;
}

/** Below this many lost plain increments, broken atomics could have been lucky too. */
const plainLostMinimum = 20;

/** `results` has one entry a machine, all of one session. */
export function evaluateGate(results: readonly GateResult[]): GateReport {
  const first = results[0]!;
  const increments = results.length * first.iterations;
  const casWon = sum(results, (each) => each.casWon);
  const casLost = sum(results, (each) => each.casLost);
  const figures = {
    iterations: first.iterations,
    machines: results.length,
    fetchAdd: { kept: first.totals.fetchAdd, of: increments },
    casCounter: { kept: first.totals.casCounter, of: casWon },
    plain: { kept: first.totals.plain, of: increments },
    casLost,
    litmus: first.litmus.map(({ name }, index) => ({
      name,
      runs: sum(results, (each) => each.litmus[index]?.runs ?? 0),
      forbidden: sum(results, (each) => each.litmus[index]?.forbidden ?? 0),
    })),
  };
  const wrong = whatIsWrong(results, figures);
  if (wrong.length > 0) return { verdict: 'failed', problems: wrong, ...figures };
  const unproved = whatIsUnproved(figures);
  return { verdict: unproved.length > 0 ? 'unknown' : 'passed', problems: unproved, ...figures };
}

type Figures = Omit<GateReport, 'verdict' | 'problems'>;

function whatIsWrong(results: readonly GateResult[], { fetchAdd, casCounter, litmus }: Figures): string[] {
  const problems: string[] = [];
  if (fetchAdd.kept !== fetchAdd.of)
    problems.push(`of ${count(fetchAdd.of)} atomic increments, ${count(fetchAdd.kept)} were kept`);
  if (casCounter.kept !== casCounter.of) {
    problems.push(`${count(casCounter.of)} compare-and-swaps reported success, and the word counts ${count(casCounter.kept)}`);
  }
  for (const { name, runs, forbidden } of litmus) {
    if (forbidden > 0) problems.push(`${name}: ${count(forbidden)} of ${count(runs)} runs ended as no coherent memory may`);
  }
  const totals = new Set(results.map((each) => JSON.stringify(each.totals)));
  if (totals.size > 1) problems.push(`the machines read different totals after the last barrier: ${[...totals].join(' and ')}`);
  return problems;
}

function whatIsUnproved({ plain, casLost, litmus, iterations }: Figures): string[] {
  const problems: string[] = [];
  if (casLost === 0) problems.push(`no compare-and-swap of ${count(iterations)} a machine met another's`);
  const plainLost = plain.of - plain.kept;
  if (plainLost < plainLostMinimum) {
    problems.push(`of ${count(plain.of)} plain increments only ${count(plainLost)} were lost: the machines hardly overlapped`);
  }
  for (const { name, runs } of litmus) if (runs === 0) problems.push(`${name} never ran`);
  return problems;
}

function sum<T>(values: readonly T[], of: (value: T) => number): number {
  return values.reduce((total, value) => total + of(value), 0);
}

function count(value: number): string {
  return value.toLocaleString('en-US');
}
