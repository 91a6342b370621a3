/**
 * Measures the heap in a pool of its own; one line of JSON on stdout. `cxlpod bench` runs it, in turns with C.
 *
 *     node heap-bench.mjs attach-detach|alloc-drop|change|clone [rounds] [times]
 *     node heap-bench.mjs recovery [rounds]
 *     node heap-bench.mjs threadtest CLIENTS [ms]
 *     node heap-bench.mjs survivors
 */
import { benchPool } from './bench-pool.ts';
import { operations, timeOperation } from './operations.ts';
import { timeRecoveries } from './recovery.ts';
import { isBatchThread, runBatches, survivors, throughput } from './threads.ts';

async function measure([what = '', first, second]: readonly string[]): Promise<unknown> {
  using pool = benchPool();
  const file = new URL(import.meta.url);
  if (operations[what] !== undefined) return timeOperation(pool.mapped, what, Number(first ?? 1), Number(second ?? 2_000_000));
  if (what === 'recovery') return { recoveries: timeRecoveries(pool.mapped, Number(first ?? 3)) };
  if (what === 'threadtest')
    return { objectsPerSecond: await throughput(pool.mapped, Number(first ?? 1), Number(second ?? 1_000), file) };
  if (what === 'survivors') return await survivors(pool.mapped, file);
  throw new Error(`there is no measurement "${what}": ${Object.keys(operations).join(', ')}, recovery, threadtest, survivors`);
}

if (isBatchThread) runBatches();
else process.stdout.write(`${JSON.stringify(await measure(process.argv.slice(2)))}\n`);
