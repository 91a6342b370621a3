/**
 * kill -9 in the heap, again and again, with survivors at work: counts must be exact after every recovery. CXLPOD_SEED takes a seed
 * back; what the kernel's scheduler does comes from nowhere, so that a seed brings the same choices and not the same run.
 */
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { poolFiles } from '../pool/pool-files.ts';
import { Soak, type SoakReport, shmPoints } from './soak.ts';

const depth = process.env.CXLPOD_DEEP === '1' ? 20 : 1;
/** CXLPOD_KILLS: fewer, to try something. */
const killsWanted = Number(process.env.CXLPOD_KILLS ?? 1_000) * depth;
const seed = Number(process.env.CXLPOD_SEED ?? Math.floor(Math.random() * 2 ** 31));

const root = fileURLToPath(new URL('../../..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'cxlpod-soak-'));
const program = join(folder, 'soak-worker.mjs');

beforeAll(async () => {
  // The core as it is now: somebody may build another one meanwhile.
  for (const name of ['core.wasm', 'addon.node']) copyFileSync(join(root, 'agent/dist', name), join(folder, name));
  const entryPoints = [fileURLToPath(new URL('soak-worker.ts', import.meta.url))];
  await build({ entryPoints, outfile: program, bundle: true, platform: 'node', format: 'esm', target: 'node20.19' });
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Most kills with clients that look at what they do not hold: that is where most can go wrong. */
const soaks = [
  { looks: true, kills: Math.ceil(killsWanted * 0.8) },
  { looks: false, kills: Math.ceil(killsWanted * 0.2) },
];
const total = soaks.reduce((sum, { kills }) => sum + kills, 0);

test(`a heap outlives ${total} kills of its processes, and its counts are exact after each`, {
  timeout: depth * 900_000,
}, async () => {
  let killed = 0;
  const missed = new Set(shmPoints.map(({ name }) => name));
  for (const { looks, kills: wanted } of soaks) {
    using files = poolFiles({ historySizeBytes: 4 * 1024 * 1024 });
    const startMs = performance.now();
    await using soak = new Soak({ program, files, seed, looks, keepAt: join(root, `.runs/test/soak-${seed}.pool.raw`) });
    while (soak.kills < wanted) await soak.round();
    const report = await soak.finish();

    const seconds = (performance.now() - startMs) / 1_000;
    const kills = report.armed + report.random;
    killed += kills;
    for (const point of report.pairs.keys()) missed.delete(point);
    console.log(
      `soak, seed ${seed}, ${looks ? 'with' : 'without'} readers of what they do not hold: ` +
        `${kills} processes killed in ${seconds.toFixed(0)} s (${(kills / seconds).toFixed(1)} a second), ` +
        `${report.armed} of them at crash points, ${report.recoverers} while they recovered others; ` +
        `${report.clients} clients died; ${report.audits} audits; ${report.operations} operations; ` +
        `${pairCount(report)} distinct pairs of crash point and survivor's operation:\n${describePairs(report)}`,
    );
  }
  console.log(`crash points of the heap at which nobody died: ${[...missed].join(', ') || 'none'}`);
  expect(killed).toBeGreaterThanOrEqual(total);
});

function pairCount({ pairs }: SoakReport): number {
  return [...pairs.values()].reduce((sum, operations) => sum + operations.size, 0);
}

function describePairs({ pairs }: SoakReport): string {
  const lines = [...pairs].sort().map(([point, operations]) => {
    const counted = [...operations].sort().map(([name, count]) => (count === 1 ? name : `${name} ${count}`));
    return `  ${point}: ${counted.join(', ')}\n`;
  });
  return lines.join('');
}
