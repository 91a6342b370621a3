/** What a report is made of: read from a run folder alone, so that it can be made again at any time, anywhere. */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { usageError } from '../errors/cxlpod-error.ts';
import { readSavedJson } from '../runs/read-saved-json.ts';
import type { RunFolder } from '../runs/run-folder.ts';
import { type RunRecord, runRecordFormat } from '../runs/run-record.ts';
import type { AlignedTimeline } from '../traces/align-timeline.ts';
import { type ChromeTrace, fromChromeTrace } from '../traces/chrome-trace.ts';
import type { LatencySeries } from '../traces/latency-book.ts';
import { readLatencyLog } from '../traces/latency-log.ts';

export interface Distribution extends LatencySeries {
  /** Ascending. */
  readonly counts: readonly (readonly [valueNs: number, count: number])[];
}

export interface ReportInput {
  readonly record: RunRecord;
  readonly timeline: AlignedTimeline;
  readonly distributions: readonly Distribution[];
  readonly files: readonly RunFile[];
}

export interface RunFile {
  /** In the run folder. */
  readonly path: string;
  readonly sizeBytes: number;
}

export function readReportInput(folder: RunFolder): ReportInput {
  const record = readRunRecord(folder);
  const trace = readSavedJson<ChromeTrace>(folder.join('trace.json'));
  const distributions = record.latencies
    .filter(({ file }) => existsSync(folder.join(file)))
    .map((series) => ({ ...series, counts: readLatencyLog(readFileSync(folder.join(series.file), 'utf8')).counts }));
  return { record, timeline: fromChromeTrace(trace), distributions, files: listFiles(folder) };
}

export function readRunRecord(folder: RunFolder): RunRecord {
  let record: RunRecord;
  try {
    record = JSON.parse(readFileSync(folder.join('run.json'), 'utf8')) as RunRecord;
  } catch (error) {
    throw usageError('NOT_A_RUN', `${folder.path} holds no finished run`, {
      cause: error,
      hint: 'give the folder of a run, such as .runs/latest; one that was interrupted has no run.json',
    });
  }
  if (record.format === runRecordFormat) return record;
  throw usageError('RUN_FORMAT', `${folder.path} was written in format ${record.format}, this cxlpod reads ${runRecordFormat}`);
}

function listFiles(folder: RunFolder): RunFile[] {
  return (
    readdirSync(folder.path, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .map((path) => ({ path: path.slice(folder.path.length + 1), sizeBytes: statSync(path).size }))
      // Not the page itself, whose size would depend on its size.
      .filter(({ path }) => path !== 'report.html')
      .sort((a, b) => (a.path < b.path ? -1 : 1))
  );
}
