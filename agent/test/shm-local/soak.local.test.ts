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
import { Soak, type SoakReport } from './soak.ts';

const depth = process.env.CXLPOD_DEEP === '1' ? 20 : 1;
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

test(`a heap outlives ${killsWanted} kills of its processes, and its counts are exact after each`, {
  timeout: depth * 900_000,
}, async () => {
  using files = poolFiles({ historySizeBytes: 4 * 1024 * 1024 });
  const startMs = performance.now();
  await using soak = new Soak({ program, files, seed, keepAt: join(root, `.runs/test/soak-${seed}.pool.raw`) });
  while (soak.kills < killsWanted) await soak.round();
  const report = await soak.finish();

  const seconds = (performance.now() - startMs) / 1_000;
  const kills = report.armed + report.random;
  console.log(
    `soak, seed ${seed}: ${kills} processes killed in ${seconds.toFixed(0)} s (${(kills / seconds).toFixed(1)} a second), ` +
      `${report.armed} of them at crash points, ${report.recoverers} while they recovered others; ` +
      `${report.clients} clients died; ${report.audits} audits; ${report.operations} operations; ` +
      `${pairCount(report)} distinct pairs of crash point and survivor's operation:\n${describePairs(report)}` +
      `crash points at which nobody died: ${report.missed.join(', ') || 'none'}`,
  );
  expect(kills).toBeGreaterThanOrEqual(killsWanted);
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
