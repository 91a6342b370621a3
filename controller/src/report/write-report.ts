/** Makes report.html, summary.md and junit.xml from what is in a run folder. */
import type { RunFolder } from '../runs/run-folder.ts';
import { renderJunit } from './junit.ts';
import { renderReport } from './render-report.ts';
import { readReportInput } from './report-input.ts';
import { renderSummary } from './summary.ts';

/** The path of the page. */
export function writeReport(folder: RunFolder): string {
  const input = readReportInput(folder);
  folder.write('summary.md', renderSummary(input.record));
  folder.write('junit.xml', renderJunit(input.record));
  // Read again, so that the page lists the two files as well.
  folder.write('report.html', renderReport(readReportInput(folder)));
  return folder.join('report.html');
}
