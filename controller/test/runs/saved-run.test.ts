import { expect, test } from 'vitest';
import { describeRun } from '../../src/report/describe-run.ts';
import { readReportInput } from '../../src/report/report-input.ts';
import { savedEvidence } from '../../src/runs/saved-run.ts';
import { crashEvidence } from '../checks/evidence-of-a-good-run.ts';
import { writeRun } from '../report/run-for-report.ts';

const broken = (path: string) =>
  expect.objectContaining({ code: 'RUN_FILE_BROKEN', exitCode: 2, message: expect.stringContaining(path) });

test('an audit that is cut off is told as that when a run is judged again', () => {
  const { folder } = writeRun(crashEvidence());
  folder.write('pool/audit.json', '{ "problems": [');

  expect(() => savedEvidence(folder)).toThrow(broken('pool/audit.json'));
});

test('so is a trace when its report is made again', () => {
  const { folder } = writeRun(crashEvidence());
  folder.write('trace.json', '');

  expect(() => readReportInput(folder)).toThrow(broken('trace.json'));
});

test('the line of the verdict says what the machines were', () => {
  const { record } = writeRun(crashEvidence());
  const local = { ...record, environment: { ...record.environment, provider: 'local' as const, accelerator: 'none' as const } };

  expect(describeRun(record)).toMatch(/^[A-Z]+ {2}\S+ {2}\(tcg, /m);
  expect(describeRun(local)).toMatch(/^[A-Z]+ {2}\S+ {2}\(provider local, /m);
});
