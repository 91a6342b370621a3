/** What a person or a log sees of a run, and does not see when told so. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { Bench } from '../cluster/cxlpod.ts';

let bench: Bench;
let pod: string;
let short: string;
beforeAll(() => {
  bench = new Bench();
  pod = bench.newPod();
  short = join(bench.folder, 'short.yaml');
  writeFileSync(short, 'name: short\ntopology: local\nworkload: { name: heap-mix, operations: 64 }\nchecks: [pool-sound]\n');
});
afterAll(() => bench.clear());

test('with --quiet nothing is said but errors, and standard output has the data', async () => {
  const ran = await bench.mustRun(['--quiet', 'run', short, '--up', '--name', pod]);
  expect([ran.stderr, ran.stdout.trim()]).toEqual(['', expect.stringMatching(/-short$/)]);

  const failed = await bench.run(['--quiet', 'run', 'nothing-like-it']);
  expect([failed.exitCode, failed.stdout]).toEqual([2, '']);
  expect(failed.stderr).toMatch(/^error: there is no scenario[\s\S]*\n {2}try: /);
});

test('up and run say how long they take once it is known, and that nobody knows before', async () => {
  // Of whom nobody has learnt anything yet.
  const fresh = new Bench();
  onTestFinished(() => fresh.clear());
  const [one, other] = [fresh.newPod(), fresh.newPod()];
  const first = await fresh.mustRun(['run', short, '--up', '--name', one]);
  const second = await fresh.mustRun(['run', short, '--up', '--name', other]);

  // Once by up, once by the run.
  expect(first.stderr.match(/the first time here: nobody knows how long it takes/g)).toHaveLength(2);
  expect(second.stderr).not.toContain('the first time here');
  expect(second.stderr).not.toContain('\u001b');
});

test('without a terminal progress is lines without colour, with the time that is left', async () => {
  const ran = await bench.mustRun(['campaign', short, '--seeds', '3', '--jobs', '1']);
  expect(ran.stderr).not.toContain('\u001b');
  expect(ran.stderr).toMatch(/^ {3}3 {2}ok {2}short {2}seed 3/m);
});
