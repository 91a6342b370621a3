/** What the simulator explores is what agents run: both builds do the same memory operations in the same order (design D3). */
import { beforeAll, expect, test } from 'vitest';
import { shippedCore, tracedTwin } from './compiled-core.ts';
import { type CompiledModule, type Operation, operationsOf, readModule } from './memory-operations.ts';

let shipped: CompiledModule;
let traced: CompiledModule;

beforeAll(async () => {
  shipped = readModule(shippedCore());
  traced = readModule(await tracedTwin());
});

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

/** Plain loads are of the thread's own scratch block, where the compiler may fold them: nobody else can tell. */
function isShared({ kind, order }: Operation): boolean {
  return kind !== 'load' || order === 'atomic';
}

function asText({ kind, sizeBytes, order }: Operation): string {
  return `${order} ${kind} of ${sizeBytes}`;
}
