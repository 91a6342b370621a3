/** The page of a large run: how large it is, and how long a browser takes to open it. */
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { writeReport } from '../report/write-report.ts';
import { RunFolder } from '../runs/run-folder.ts';
import { type BenchItem, figure } from './bench-item.ts';
import { timeToLoad } from './chromium.ts';
import { generateRun } from './generated-run.ts';

const operations = 1_000_000;
const sizeBarMb = 5;
const openBarMs = 2_000;
const loads = 5;

export const report: BenchItem = {
  names: ['report'],
  sentence: 'the report of a run of a million operations: its size, and its time to load in headless Chromium',
  onlyWhenNamed: false,
  measure: async ({ say }) => {
    const runs = mkdtempSync(join(tmpdir(), 'cxlpod-bench-report-'));
    try {
      const folder = RunFolder.create(runs, 'generated', new Date());
      generateRun(folder, operations);
      say(`bench report: ${folder.path} is generated`);
      const startMs = performance.now();
      const path = writeReport(folder);
      const tookMs = performance.now() - startMs;
      const times = [...(await timeToLoad(pathToFileURL(path).href, loads))].sort((a, b) => a - b);
      const common = { provider: 'local', accelerator: 'none' };
      return [
        figure({
          name: 'report.html of 10^6 operations',
          value: statSync(path).size / 1e6,
          unit: 'MB',
          bar: sizeBarMb,
          spread: `made in ${tookMs.toFixed(0)} ms`,
          ...common,
        }),
        figure({
          name: 'report.html of 10^6 operations, load',
          value: times[times.length >> 1]!,
          unit: 'ms',
          bar: openBarMs,
          spread: `median of ${loads}, ${times[0]!.toFixed(0)} to ${times.at(-1)!.toFixed(0)}`,
          ...common,
        }),
      ];
    } finally {
      rmSync(runs, { recursive: true, force: true });
    }
  },
};
