import { rmSync } from 'node:fs';
import { dirname, relative } from 'node:path';
import { expect, test } from 'vitest';
import { campaignOf, entryOf } from '../../src/campaign/campaign-record.ts';
import { renderIndex } from '../../src/campaign/index-page.ts';
import { measurementSections } from '../../src/campaign/measurements-section.ts';
import { RunFolder } from '../../src/runs/run-folder.ts';
import { pingEvidence } from '../checks/evidence-of-a-good-run.ts';
import { writeRun } from '../report/run-for-report.ts';

function indexBeside(...runs: readonly ReturnType<typeof writeRun>[]) {
  const folder = RunFolder.create(dirname(runs[0]!.folder.path), 'index', new Date(), { isLatest: false });
  const entries = runs.map((run) => entryOf(run.record, relative(folder.path, run.folder.path)));
  return { folder, entries };
}

test('the page of several runs shows what each measured, under what that is worth, and leads to its report', () => {
  const run = writeRun(pingEvidence());
  const { folder, entries } = indexBeside(run);
  const sections = measurementSections(folder, entries);
  expect(sections).toHaveLength(1);
  const page = renderIndex(campaignOf('all', new Date(), 1, entries), sections);
  const { name } = run.record.scenario;
  expect(page).toContain(`id="measured-${name}"`);
  expect(page).toContain(`id="${name}-comparison"`);
  expect(page).toMatch(/class="warning">[^<]*not CXL’s/);
  expect(page).toContain(`${run.folder.name}/report.html`);
  const ids = [...page.matchAll(/ id="([^"]+)"/g)].map(([, id]) => id);
  expect(ids).toEqual([...new Set(ids)]);
});

test('once for each scenario, not for runs with faults, and not for those whose folder is gone', () => {
  const [run, again, gone] = [writeRun(pingEvidence()), writeRun(pingEvidence()), writeRun(pingEvidence())];
  const { folder, entries } = indexBeside(run, again);
  expect(measurementSections(folder, entries)).toHaveLength(1);
  const faults = [{ kind: 'kill-worker', sentence: 'A worker is killed', fired: true }];
  expect(measurementSections(folder, [{ ...entries[0]!, faults }])).toEqual([]);
  const { folder: beside, entries: lost } = indexBeside(gone);
  rmSync(gone.folder.path, { recursive: true });
  expect(measurementSections(beside, lost)).toEqual([]);
});
