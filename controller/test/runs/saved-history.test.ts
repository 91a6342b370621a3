/** What a run keeps of its history can be judged again. */
import { appendFileSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { RunHistory } from '../../src/runs/evidence.ts';
import { RunFolder } from '../../src/runs/run-folder.ts';
import { readSavedHistory, saveHistory } from '../../src/runs/saved-history.ts';
import { history } from '../checks/evidence-of-a-good-run.ts';

let runs: string;
let folder: RunFolder;
const whole: RunHistory = {
  records: history(),
  unpublished: [3, 4],
  overflow: 7,
  problems: ['a word of it, with\na second line'],
};

beforeEach(() => {
  runs = mkdtempSync(join(tmpdir(), 'cxlpod-saved-history-'));
  folder = RunFolder.create(runs, 'kept', new Date(0));
});
afterEach(() => rmSync(runs, { recursive: true, force: true }));

test('a saved history is read as it was', () => {
  saveHistory(folder, whole);
  expect(readSavedHistory(folder)).toEqual(whole);
});

test('an empty history is not the same as none', () => {
  expect(readSavedHistory(folder)).toBeNull();
  const empty: RunHistory = { records: [], unpublished: [], overflow: 0, problems: [] };
  saveHistory(folder, empty);
  expect(readSavedHistory(folder)).toEqual(empty);
});

test('a history longer than what is read and written at once is whole', () => {
  const records = Array.from({ length: 30_000 }, (_, ticket) => ({ ...history()[ticket % 6]!, ticket }));
  saveHistory(folder, { ...whole, records });
  expect(readFileSync(folder.join('history.ndjson')).length).toBeGreaterThan(3 << 20);
  expect(readSavedHistory(folder)?.records).toEqual(records);
});

test.each([
  ['is cut off in a line', (file: string) => truncateSync(file, readFileSync(file).length - 5)],
  ['is cut off between two lines', (file: string) => writeFileSync(file, readFileSync(file, 'utf8').replace(/[^\n]*\n$/, ''))],
  ['has a line too many', (file: string) => appendFileSync(file, `${JSON.stringify(history()[0])}\n`)],
  ['is empty', (file: string) => truncateSync(file, 0)],
  ['has no first line', (file: string) => writeFileSync(file, readFileSync(file, 'utf8').replace(/^[^\n]*\n/, ''))],
])('a file that %s is refused', (_, spoil) => {
  saveHistory(folder, whole);
  spoil(folder.join('history.ndjson'));
  expect(() => readSavedHistory(folder)).toThrow(/is not a history that can be judged/);
});
