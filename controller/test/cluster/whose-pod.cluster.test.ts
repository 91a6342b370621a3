/** Whose pods are whose, by the labels on what the engine has: a network is enough for that, and needs no machine. */
import { execFileSync } from 'node:child_process';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Bench } from './cxlpod.ts';

let bench: Bench;
const made: string[] = [];
beforeAll(() => {
  bench = new Bench();
});
afterAll(async () => {
  for (const name of made) docker('network', 'rm', name);
  await bench.clear();
});

function docker(...argv: readonly string[]): string {
  return execFileSync('docker', argv, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

function networkOf(pod: string, stateFolder: string | null): void {
  const labels = [`cxlpod.pod=${pod}`, ...(stateFolder === null ? [] : [`cxlpod.state=${stateFolder}`])];
  docker('network', 'create', ...labels.flatMap((label) => ['--label', label]), `cxlpod-${pod}`);
}

test('down --all takes what this state folder has on the engine, names the rest, and touches none of that', async () => {
  const [own, other, nobodys] = [bench.newPod(), `o${bench.newPod()}`, `n${bench.newPod()}`];
  networkOf(own, bench.stateFolder);
  networkOf(other, '/somewhere/else');
  networkOf(nobodys, null);
  made.push(`cxlpod-${other}`, `cxlpod-${nobodys}`);

  const { stdout, stderr } = await bench.mustRun(['down', '--all', '--json']);

  expect(JSON.parse(stdout)).toEqual([{ pod: own, removed: [`network cxlpod-${own}`] }]);
  expect(stderr).toContain(
    `not touched: ${other} is of the state folder /somewhere/else: XDG_STATE_HOME=/somewhere/else cxlpod down`,
  );
  expect(stderr).toContain(`not touched: ${nobodys} is not of this state folder, and does not say of which`);
  expect(bench.leftovers(own)).toEqual([]);
  expect(bench.leftovers(other)).toEqual([`network cxlpod-${other}`]);
  expect(bench.leftovers(nobodys)).toEqual([`network cxlpod-${nobodys}`]);

  expect(await bench.run(['down', '--name', other])).toMatchObject({
    exitCode: 2,
    stderr: expect.stringContaining(`pod ${other} is not of this state folder`),
  });
  expect(bench.leftovers(other)).toEqual([`network cxlpod-${other}`]);
});
