/** `history.ndjson` of a run folder: a first line about the whole, then one record a line, in ticket order. What is written can be judged again. */
import { closeSync, openSync, readSync } from 'node:fs';
import type { HistoryRecord } from '@cxlpod/agent/history';
import { usageError } from '../errors/cxlpod-error.ts';
import type { RunHistory } from './evidence.ts';
import type { RunFolder } from './run-folder.ts';

export const savedHistoryFile = 'history.ndjson';
const format = 1;

interface FirstLine extends Omit<RunHistory, 'records'> {
  readonly kind: 'history';
  readonly format: typeof format;
  /** How many lines follow. */
  readonly records: number;
}

/** Throws like `RunFolder.write`. */
export function saveHistory(folder: RunFolder, { records, ...whole }: RunHistory): void {
  const first: FirstLine = { kind: 'history', format, records: records.length, ...whole };
  folder.writeLines(savedHistoryFile, both(first, records));
}

function* both(first: FirstLine, records: readonly HistoryRecord[]): Generator<unknown> {
  yield first;
  yield* records;
}

/**
 * Null when the run left none, since its history could not be read. Throws `NOT_A_HISTORY` for a file that is cut off or not one, the
 * system's error for one that cannot be read.
 */
export function readSavedHistory(folder: RunFolder): RunHistory | null {
  const path = folder.join(savedHistoryFile);
  let first: FirstLine | null = null;
  const records: HistoryRecord[] = [];
  let number = 0;
  try {
    for (const line of linesOf(path)) {
      number++;
      const value = JSON.parse(line) as FirstLine | HistoryRecord;
      if (number > 1) records.push(value as HistoryRecord);
      else if (value.kind === 'history' && value.format === format) first = value;
      else throw new SyntaxError(`its first line does not say that it is a history of format ${format}`);
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    if (!(error instanceof SyntaxError)) throw error;
    throw notAHistory(path, `line ${number}: ${error.message}`);
  }
  if (first === null) throw notAHistory(path, 'it is empty');
  if (first.records !== records.length) throw notAHistory(path, `it has ${records.length} of ${first.records} records`);
  const { unpublished, overflow, problems } = first;
  return { records, unpublished, overflow, problems };
}

function notAHistory(path: string, cause: string) {
  return usageError('NOT_A_HISTORY', `${path} is not a history that can be judged`, {
    cause,
    hint: 'the file was cut off, or written by another version; run the scenario again',
  });
}

const chunkBytes = 1 << 20;

/** One after the other: a long history is longer than a string may be. */
function* linesOf(path: string): Generator<string> {
  const file = openSync(path, 'r');
  try {
    const chunk = Buffer.alloc(chunkBytes);
    let rest: Buffer = Buffer.alloc(0);
    for (let read = readSync(file, chunk); read > 0; read = readSync(file, chunk)) {
      const bytes = Buffer.concat([rest, chunk.subarray(0, read)]);
      let from = 0;
      for (let end = bytes.indexOf(10); end >= 0; end = bytes.indexOf(10, from)) {
        yield bytes.toString('utf8', from, end);
        from = end + 1;
      }
      rest = bytes.subarray(from);
    }
    if (rest.length > 0) yield rest.toString('utf8');
  } finally {
    closeSync(file);
  }
}
