/** `cxlpod stats` on the file of a pool whose service is being called. */
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { connect } from '../../../agent/src/rpc/caller.ts';
import { listen } from '../../../agent/src/rpc/server.ts';
import { joinedCores, poolFiles } from '../../../agent/test/pool/pool-files.ts';
import { Bench } from '../cluster/cxlpod.ts';

let bench: Bench;
beforeAll(() => {
  bench = new Bench();
});
afterAll(async () => bench.clear());

test('tells what was called while it is called, again and again when asked to', async () => {
  using files = poolFiles();
  const [there, here] = joinedCores(files, 2);
  const server = listen(there!, 'calculator', { timedOneOf: 1 });
  server.statistics.name(['add']);
  const connection = connect(here!, 'calculator', { deadlineMs: 0 });
  const call = (): void => {
    const slot = connection.begin()!;
    connection.send(slot, 8, 0);
    server.poll(() => 0, 1);
    connection.poll(slot);
    connection.finish(slot);
  };
  for (let count = 0; count < 12; count++) call();

  const { stdout } = await bench.mustRun(['stats', '--pool', files.poolPath]);
  expect(stdout).toMatch(/calculator +add +12 +0 +0 +0 +< \S+ .s +< \S+ .s +0\n/);
  const told = await bench.mustRun(['stats', '--pool', files.poolPath, '--json']);
  expect(JSON.parse(told.stdout)).toMatchObject({
    methods: [{ service: 'calculator', name: 'add', calls: 12, callsPerSecond: null, timed: 12 }],
    connections: [{ service: 'calculator', state: 'open', sent: 12, inFlight: 0 }],
  });

  const watching = bench.start(['stats', '--pool', files.poolPath, '--json', '--watch']);
  let text = '';
  const lines = (): readonly string[] => text.split('\n').slice(0, -1);
  while (lines().length < 2) {
    const isFirst = lines().length === 0;
    text += String((await once(watching.process.stdout!, 'data'))[0]);
    if (isFirst && lines().length === 1) call();
  }
  watching.process.kill('SIGINT');
  expect((await watching.ended).exitCode).toBe(0);
  const [first, second] = lines().map((line) => JSON.parse(line).methods[0]);
  expect(first).toMatchObject({ calls: 12, callsPerSecond: null });
  expect(second.calls).toBe(13);
  expect(second.callsPerSecond).toBeGreaterThan(0);
});

test('says what is wrong with a file that is no pool', async () => {
  const path = join(bench.folder, 'no-pool');
  writeFileSync(path, 'nothing');
  const { exitCode, stderr } = await bench.run(['stats', '--pool', path]);
  expect(exitCode).toBe(2);
  expect(stderr).toContain(`the statistics of ${path} cannot be read`);
});
