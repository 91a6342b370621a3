/** The eight rules of the core (design D2), read off the compiled module. */
import binaryen from 'binaryen';
import { beforeAll, describe, expect, test } from 'vitest';
import { plainCore, shippedCore } from './compiled-core.ts';
import { type CompiledModule, expressionsOf, operationOf, readModule } from './memory-operations.ts';

let shipped: CompiledModule;
let plain: CompiledModule;
let traced: CompiledModule;

beforeAll(async () => {
  shipped = readModule(shippedCore());
  plain = readModule(await plainCore({ traced: false }));
  traced = readModule(await plainCore({ traced: true }));
}, 240_000);

describe('instances that share one memory cannot overwrite each other', () => {
  test('there is no start function and no data segment', () => {
    expect({ start: shipped.hasStart, data: shipped.dataSegments }).toEqual({ start: false, data: 0 });
  });

  test('nothing but functions is exported', () => {
    expect(shipped.exportsOfOtherKinds).toEqual([]);
    expect(shipped.exports.size).toBeGreaterThan(60);
  });

  test('only the functions of the host are imported', () => {
    const imported = [...shipped.functions.values()].map((fn) => fn.importedFrom).filter((name) => name !== '');
    const flushes = [
      'host.storeFence',
      'host.writeBack',
      'host.invalidate',
      'host.fullFence',
      'host.storeThrough',
      'host.prefetch',
    ];
    const ofHost = ['host.broken', 'host.died', 'host.monotonicNs', ...flushes];
    expect(ofHost).toEqual(expect.arrayContaining(imported));
    expect(new Set(imported).size).toBe(imported.length);
    expect(imported).toEqual(expect.arrayContaining(['host.broken', 'host.died', 'host.monotonicNs']));
  });

  test('the globals are written by init alone', () => {
    const writers = functionsWith(shipped, (info) => info.id === binaryen.GlobalSetId);
    expect(writers).toEqual([shipped.exports.get('init')!.name]);
    expect(shipped.mutableGlobals).toHaveLength(7);
    expect(functionsWith(plain, (info) => info.id === binaryen.GlobalSetId)).toEqual(['place/place/settle']);
  });
});

describe('there is one door to shared memory', () => {
  test('memory instructions stand in core/memory only', () => {
    const users = functionsWith(plain, (info) => operationOf(info) !== undefined);
    expect(users.length).toBeGreaterThan(10);
    expect(users.filter((name) => !name.startsWith('memory/memory/'))).toEqual([]);
  });

  test('no other instruction touches memory: none grows it, fills it, copies it, waits on it', () => {
    const others = [
      binaryen.MemorySizeId,
      binaryen.MemoryGrowId,
      binaryen.MemoryFillId,
      binaryen.MemoryCopyId,
      binaryen.MemoryInitId,
      binaryen.DataDropId,
      binaryen.AtomicWaitId,
      binaryen.AtomicNotifyId,
      binaryen.AtomicFenceId,
      binaryen.SIMDLoadId,
    ];
    expect(functionsWith(shipped, (info) => others.includes(info.id))).toEqual([]);
  });

  test('the traced build has no memory instruction at all', () => {
    expect(functionsWith(traced, (info) => operationOf(info) !== undefined)).toEqual([]);
    expect([...traced.functions.values()].some((fn) => fn.importedFrom === 'simulator.access')).toBe(true);
  });
});

test('no export takes or returns 64-bit integers', () => {
  const wide = [...shipped.exports]
    .filter(([, fn]) => [...fn.parameters, ...fn.results].includes(binaryen.i64))
    .map(([name]) => name);
  expect(wide).toEqual([]);
});

test('every atomic access is naturally aligned as far as its constant offset goes', () => {
  for (const fn of shipped.functions.values()) {
    for (const info of expressionsOf(fn.body)) {
      if (operationOf(info)?.order === 'atomic') expect((info.offset as number) % (info.bytes as number)).toBe(0);
    }
  }
});

function functionsWith(module: CompiledModule, matches: (info: { readonly id: number }) => boolean): string[] {
  const found: string[] = [];
  for (const fn of module.functions.values()) {
    for (const info of expressionsOf(fn.body)) {
      if (!matches(info)) continue;
      found.push(fn.name);
      break;
    }
  }
  return found;
}
