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
  readonly medianRunMs: number;
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

export function campaignOf(name: string, startedAt: Date, tookMs: number, entries: readonly CampaignEntry[]): CampaignRecord {
  const outcomes = entries.map(({ outcome }) => outcome);
  const times = entries.map((entry) => entry.tookMs).sort((a, b) => a - b);
  return {
    format: 1,
    name,
    startedAt: startedAt.toISOString(),
    tookMs,
    outcome: worst(outcomes),
    counts: countsOf(outcomes),
    runsPerMinute: tookMs > 0 ? (entries.length * 60_000) / tookMs : 0,
    medianRunMs: times[Math.floor(times.length / 2)] ?? 0,
    matrix: matrixOf(entries),
    entries,
  };
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
