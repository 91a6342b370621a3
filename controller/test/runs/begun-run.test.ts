import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { environmentError } from '../../src/errors/cxlpod-error.ts';
import { readBegunRun } from '../../src/runs/begun-run.ts';
import { Journal, readJournal } from '../../src/runs/journal.ts';
import { RunFolder } from '../../src/runs/run-folder.ts';

let runs: string;
let folder: RunFolder;
beforeEach(() => {
  runs = mkdtempSync(join(tmpdir(), 'cxlpod-begun-'));
  folder = RunFolder.create(runs, 'begun', new Date());
});
afterEach(() => rmSync(runs, { recursive: true, force: true }));

const refusal = (message: string) =>
  expect.objectContaining({
    code: 'BEGUN_UNREADABLE',
    exitCode: 3,
    message: expect.stringContaining(message),
    hint: expect.stringContaining('cxlpod reset'),
  });

test.each([
  ['half of it', '{"format":2,"pod":"two","contr', 'is not what cxlpod wrote'],
  ['nothing', '', 'is not what cxlpod wrote'],
  ['no object', 'null', 'was written by another version'],
  ['of another version', '{"format":1,"pod":"two"}', 'was written by another version'],
  ['without what is needed', '{"format":2,"pod":"two"}', 'is not what cxlpod wrote'],
])('a begun.json that holds %s is refused with what to do', (_, text, message) => {
  writeFileSync(folder.join('begun.json'), text);
  expect(() => readBegunRun(folder)).toThrow(refusal(message));
});

const asked = (id: number) => ({ session: 's', instance: 'i', line: { id, request: 'runTask' as const, parameters: {} } });
const post = { machine: 'vm1', worker: 'client-1' };

function journalOfTwo(): Journal {
  const journal = new Journal(folder);
  journal.ask({ kind: 'hire', post, attempt: 1, boot: 0, by: 'workload', duties: 0, armedBy: null, sentNs: 1, asked: asked(1) });
  journal.answer(asked(1), { result: { pid: 7 }, receivedNs: 2 });
  journal.ask({ kind: 'task', post, attempt: 1, task: 'kv-run', sentNs: 3, asked: asked(2) });
  return journal;
}

test('a journal gives back what was asked and answered, errors as errors, and cuts off what its writer did not end', () => {
  const journal = journalOfTwo();
  appendFileSync(folder.join('journal.jsonl'), '{"kind":"answer","session":"s","id":2,"res');

  const [hire] = readJournal(folder).hires;
  expect(hire).toMatchObject({ post, answer: { result: { pid: 7 } }, tasks: [{ task: 'kv-run', answer: null }] });

  journal.answer(asked(2), { error: environmentError('WORKER_DIED', 'it died'), receivedNs: 4 });
  expect(readJournal(folder).hires[0]!.tasks[0]!.answer).toMatchObject({ error: { code: 'WORKER_DIED', exitCode: 3 } });
});

test.each([
  ['is no JSON', 'garbage'],
  ['answers what nobody asked', '{"kind":"answer","session":"s","id":99,"receivedNs":1}'],
  ['is of a worker whom nobody hired', '{"kind":"task","post":{"machine":"vm9","worker":"x"},"attempt":1,"asked":{}}'],
])('a journal with a line that %s is refused with what to do', (_, line) => {
  journalOfTwo();
  const text = readFileSync(folder.join('journal.jsonl'), 'utf8');
  writeFileSync(folder.join('journal.jsonl'), `${line}\n${text}`);
  expect(() => readJournal(folder)).toThrow(refusal('line 1 of'));
});
