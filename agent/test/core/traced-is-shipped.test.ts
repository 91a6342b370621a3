/** What the simulator explores is what agents run: both builds do the same memory operations in the same order (design D3). */
import { beforeAll, expect, test } from 'vitest';
import { compileCore } from '../../core/build.mjs';
import { shippedCore, tracedTwin } from './compiled-core.ts';
import { type CompiledModule, type Operation, operationsOf, readModule } from './memory-operations.ts';

let shipped: CompiledModule;
let traced: CompiledModule;

beforeAll(async () => {
  shipped = readModule(shippedCore());
  traced = readModule(await tracedTwin());
}, 240_000);

test('both builds export the same functions', () => {
  expect([...traced.exports.keys()].sort()).toEqual([...shipped.exports.keys()].sort());
});

test('each exported function does the same operations in the same order in both', () => {
  let compared = 0;
  for (const [name, fn] of shipped.exports) {
    const operations = operationsOf(shipped, fn).filter(isShared).map(asText);
    expect({ [name]: operations }).toEqual({
      [name]: operationsOf(traced, traced.exports.get(name)!).filter(isShared).map(asText),
    });
    compared += operations.length;
  }
  // A reader that found nothing would call any two modules equal.
  expect(compared).toBeGreaterThan(1000);
});

/** Every operation of the door, with its arguments' order and width: what the core does not use today is compared as well. */
const probe = `
import { add64, fullFence, invalidate, load32, load64, or64, prefetch } from './memory/memory';
import { publish32, publish64, store32, store64, storeFence, storeThrough, swap64, writeBack } from './memory/memory';
export function everything(at: usize): void {
  store32(at, load32(at + 4));
  store64(at + 8, load64(at + 16));
  publish32(at + 24, 1);
  publish64(at + 32, swap64(at + 40, 1, 2));
  publish64(at + 48, add64(at + 56, 3));
  publish64(at + 64, or64(at + 72, 4));
  writeBack(at);
  storeFence();
  invalidate(at);
  fullFence();
  storeThrough(at, at + 80, 16);
  prefetch(at);
}`;

test('each operation of the door is the same in both', async () => {
  const [release, simulated] = await Promise.all(
    [false, true].map(async (isTraced) => {
      const compiled = await compileCore({
        traced: isTraced,
        mutants: false,
        entry: 'probe.ts',
        extraFiles: { 'probe.ts': probe },
      });
      const module = readModule(compiled);
      return operationsOf(module, module.exports.get('everything')!).filter(isShared).map(asText);
    }),
  );
  expect(simulated).toEqual(release);
  expect(release).toEqual([
    'atomic load of 4',
    'plain store of 4',
    'atomic load of 8',
    'plain store of 8',
    'atomic store of 4',
    'atomic swap of 8',
    'atomic store of 8',
    'atomic add of 8',
    'atomic store of 8',
    'atomic or of 8',
    'atomic store of 8',
    'atomic writeBack of 8',
    'atomic storeFence of 8',
    'atomic invalidate of 8',
    'atomic fullFence of 8',
    'plain storeThrough of 8',
    'atomic prefetch of 8',
  ]);
});

/** Plain loads are of the thread's own scratch block, where the compiler may fold them: nobody else can tell. */
function isShared({ kind, order }: Operation): boolean {
  return kind !== 'load' || order === 'atomic';
}

function asText({ kind, sizeBytes, order }: Operation): string {
  return `${order} ${kind} of ${sizeBytes}`;
}
