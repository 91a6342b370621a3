/** `campaign.json`: what ran, what each run came to, and by scenario and fault. */
import { isAsExpected } from '../runs/expected.ts';
import type { RunRecord } from '../runs/run-record.ts';
import { type Verdict, worst } from '../runs/verdict.ts';

export interface CampaignEntry {
  readonly scenario: string;
  readonly seed: number;
  /** The run's folder, relative to the campaign's; null when none was made. */
  readonly run: string | null;
  readonly verdict: Verdict;
  readonly expected: 'valid' | 'invalid';
  /** `valid`: as expected. `invalid`: the system is wrong, or a negative control came out valid. */
  readonly outcome: Verdict;
  /** The first thing that was not as expected; null when all was. */
  readonly because: string | null;
  readonly faults: readonly { readonly kind: string; readonly sentence: string; readonly fired: boolean }[];
  /** From the start of the run, on a pod that was up, to its verdict. */
  readonly tookMs: number;
}

export interface CampaignRecord {
  readonly format: 1;
  readonly name: string;
  readonly startedAt: string;
  readonly tookMs: number;
  readonly outcome: Verdict;
  readonly counts: Readonly<Record<Verdict, number>>;
  readonly runsPerMinute: number;
  /** Of the runs that came to an end; null: none did. */
  readonly medianRunMs: number | null;
  /** Scenarios that had no turn before time was up, or before it was interrupted. */
  readonly notReached: readonly string[];
  readonly matrix: readonly MatrixCell[];
  readonly entries: readonly CampaignEntry[];
}

/** `fault`: a kind, or `none` for runs without. */
export interface MatrixCell {
  readonly scenario: string;
  readonly fault: string;
  readonly fired: number;
  readonly outcomes: Readonly<Record<Verdict, number>>;
}

export function entryOf(record: RunRecord, run: string | null): CampaignEntry {
  const doubtful = record.checks.find(({ verdict }) => verdict !== 'valid');
  const outcome = isAsExpected(record);
  return {
    scenario: record.scenario.name,
    seed: record.seed,
    run,
    verdict: record.verdict,
    expected: record.scenario.expect,
    outcome,
    because:
      outcome === 'valid'
        ? null
        : (record.error?.message ?? doubtful?.sentence ?? 'It was to be found invalid, and every check holds.'),
    faults: record.faults.map(({ kind, sentence, seen }) => ({ kind, sentence, fired: seen !== null })),
    tookMs: record.tookMs,
  };
}

/** `planned`: every scenario that was to have a turn. */
export function campaignOf(
  name: string,
  startedAt: Date,
  tookMs: number,
  entries: readonly CampaignEntry[],
  planned: readonly string[] = [],
): CampaignRecord {
  const outcomes = entries.map(({ outcome }) => outcome);
  const times = entries.flatMap((entry) => (entry.run === null ? [] : [entry.tookMs])).sort((a, b) => a - b);
  const reached = new Set(entries.map(({ scenario }) => scenario));
  return {
    format: 1,
    name,
    startedAt: startedAt.toISOString(),
    tookMs,
    outcome: worst(outcomes),
    counts: countsOf(outcomes),
    runsPerMinute: tookMs > 0 ? (entries.length * 60_000) / tookMs : 0,
    medianRunMs: times[Math.floor(times.length / 2)] ?? null,
    notReached: planned.filter((scenario) => !reached.has(scenario)).sort(),
    matrix: matrixOf(entries),
    entries,
  };
}

/** Null: every scenario had its turn. */
export function sayNotReached({ notReached, entries, tookMs }: CampaignRecord): string | null {
  const count = notReached.length;
  if (count === 0) return null;
  const all = count + new Set(entries.map(({ scenario }) => scenario)).size;
  return `${count} of ${all} scenarios ${count === 1 ? 'was' : 'were'} not reached in ${Math.round(tookMs / 1000)} s`;
}

function matrixOf(entries: readonly CampaignEntry[]): MatrixCell[] {
  const cells = new Map<string, { scenario: string; fault: string; fired: number; outcomes: Verdict[] }>();
  for (const { scenario, faults, outcome } of entries) {
    for (const fault of faults.length === 0 ? ['none'] : new Set(faults.map(({ kind }) => kind))) {
      const key = `${scenario}\n${fault}`;
      const cell = cells.get(key) ?? { scenario, fault, fired: 0, outcomes: [] };
      cell.fired += faults.filter((each) => each.kind === fault && each.fired).length;
      cell.outcomes.push(outcome);
      cells.set(key, cell);
    }
  }
  return [...cells.values()].map((cell) => ({ ...cell, outcomes: countsOf(cell.outcomes) }));
}

function countsOf(outcomes: readonly Verdict[]): Record<Verdict, number> {
  const count = (verdict: Verdict): number => outcomes.filter((each) => each === verdict).length;
  return { valid: count('valid'), unknown: count('unknown'), invalid: count('invalid') };
}
