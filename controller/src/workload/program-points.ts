/** The crash points of the user's own program, by the names that stand in its file: nobody declares them, and a name that it makes while it runs is not found. */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { programPointPattern, recordedPoint } from '@cxlpod/agent/crash-points';
import type { HistoryRecord } from '@cxlpod/agent/history';
import type { Scenario } from '../config/scenario.ts';
import { nearest } from '../errors/nearest.ts';

const readLimitBytes = 64 * 1024 ** 2;

/** A string of C ends with a zero, one of a script with its quote. */
const inFile = /(?<![A-Za-z0-9_./-])program(?:\/[a-z0-9-]+)+(?=[\0"'`])/g;

/** Sorted, each once. */
export function pointsInProgram(path: string): readonly string[] {
  const text = beginOf(path).toString('latin1');
  return [...new Set(text.match(inFile) ?? [])].sort();
}

/** What to think of a program's point at which nobody died; empty for one that stands in the program. */
export function tellMissingPoint(point: string, known: readonly string[]): string {
  if (!programPointPattern.test(point) || known.includes(point)) return '';
  if (known.length === 0) return ', and no name of a crash point stands in the program';
  const suggestion = nearest(point, known);
  const hint =
    suggestion === null ? `there ${known.length === 1 ? 'is' : 'are'} ${known.join(', ')}` : `did you mean ${suggestion}?`;
  return `, which does not stand in the program (${hint})`;
}

/** A history has only a number of a program's point: its last words with the name, where it is one of `names`. */
export function namePoints(records: readonly HistoryRecord[], names: readonly string[]): readonly HistoryRecord[] {
  const known = new Map(names.map((name) => [recordedPoint(name), name]));
  if (known.size === 0) return records;
  return records.map((record) =>
    record.kind === 'last-words' ? { ...record, point: known.get(record.point) ?? record.point } : record,
  );
}

/** Those that faults of a scenario name, also in templates that a seed draws from. */
export function pointsNamedBy({ faults, random }: Pick<Scenario, 'faults' | 'random'>): readonly string[] {
  const found = new Set<string>();
  const look = (value: unknown): void => {
    if (typeof value === 'string' && programPointPattern.test(value)) found.add(value);
    else if (typeof value === 'object' && value !== null) Object.values(value).forEach(look);
  };
  look([faults, random?.faults]);
  return [...found];
}

function beginOf(path: string): Buffer {
  const file = openSync(path, 'r');
  try {
    const bytes = Buffer.alloc(Math.min(fstatSync(file).size, readLimitBytes));
    return bytes.subarray(0, readSync(file, bytes));
  } finally {
    closeSync(file);
  }
}
