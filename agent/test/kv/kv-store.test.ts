/** A store through its API: threads of one process, each a client of its own. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Key, type KvError, type KvStore, openStore, type StoreShape } from '../../src/kv/index.ts';
import { type HeapPool, openHeaps } from '../shm/heap-pool.ts';

const text = (value: string) => new TextEncoder().encode(value);
const told = (value: Uint8Array | undefined) => (value === undefined ? undefined : new TextDecoder().decode(value));

interface Stores extends Disposable {
  readonly pool: HeapPool;
  readonly stores: readonly KvStore[];
}

function stores(threads: number, shape: StoreShape = { partitions: 2, buckets: 4 }): Stores {
  const pool = openHeaps(threads, { leakReports: 'all' });
  const opened = pool.heaps.map((heap) => openStore(heap, 'test', shape));
  return {
    pool,
    stores: opened,
    [Symbol.dispose]: () => pool[Symbol.dispose](),
  };
}

/** Everything back: no object is left once the store is taken away, and nothing is wrong. */
function expectWhole({ pool, stores: opened }: Stores): void {
  expect(pool.audit()).toEqual([]);
  for (const store of opened) store.close();
  pool.heaps[0]!.setRoot('kv/test', undefined);
  for (const heap of pool.heaps) heap.collect();
  expect(pool.audit()).toEqual([]);
  expect(pool.objects()).toBe(0);
}

function codeOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    return (error as KvError).code;
  }
  return 'nothing was refused';
}

test('what one client puts the others get, and what it deletes they do not', () => {
  using given = stores(2);
  const [writer, reader] = given.stores as [KvStore, KvStore];
  for (const partition of [0, 1]) expect(writer.claim(partition)).toBe(true);
  expect(writer.put(7, text('one'))).toBe(false);
  expect(told(reader.get(7))).toBe('one');
  expect(writer.put(7, text('another'))).toBe(true);
  expect(told(reader.get(7))).toBe('another');
  expect(reader.get(8)).toBeUndefined();
  expect(writer.delete(7)).toBe(true);
  expect(writer.delete(7)).toBe(false);
  expect([reader.get(7), reader.has(7)]).toEqual([undefined, false]);
  expectWhole(given);
});

test('many keys in few buckets, of all sizes, also of none', () => {
  using given = stores(2);
  const [writer, reader] = given.stores as [KvStore, KvStore];
  for (const partition of [0, 1]) writer.claim(partition);
  const sizes = [0, 1, 15, 16, 100, 1_000, 5_000, 70_000];
  for (const [key, size] of sizes.entries()) writer.put(key, new Uint8Array(size).fill(key + 1));
  for (let key = 100; key < 200; key++) writer.put(key, text(`${key}`));
  for (const [key, size] of sizes.entries()) expect(reader.get(key)).toEqual(new Uint8Array(size).fill(key + 1));
  for (let key = 100; key < 200; key += 3) writer.delete(key);
  for (let key = 100; key < 200; key++) expect(told(reader.get(key))).toBe((key - 100) % 3 === 0 ? undefined : `${key}`);
  expect([...reader.scan(98, 6)].map(([key, value]) => [key, told(value)])).toEqual([
    [101, '101'],
    [102, '102'],
  ]);
  expectWhole(given);
});

test.each<[Key]>([[0], [1], [2 ** 32], [2 ** 53 - 1], [2n ** 64n - 1n], [2n ** 63n]])('%s is a key', (key) => {
  using given = stores(1);
  const [store] = given.stores as [KvStore];
  store.claim(store.partitionOf(key));
  store.put(key, text('it'));
  expect([told(store.get(key)), told(store.get(3))]).toEqual(['it', undefined]);
  store.delete(key);
  expectWhole(given);
});

test('a value that is looked at stays what it is, whatever its writer does', () => {
  using given = stores(2);
  const [writer, reader] = given.stores as [KvStore, KvStore];
  for (const partition of [0, 1]) writer.claim(partition);
  writer.put(7, text('the old one'));
  const seen = reader.read(7, (value) => {
    const first = told(value.slice());
    writer.put(7, text('the new one'));
    for (let key = 100; key < 400; key++) writer.put(key, text('other keys'));
    writer.delete(7);
    given.pool.heaps[0]!.collect();
    return [first, told(value.slice())];
  });
  expect(seen).toEqual(['the old one', 'the old one']);
  expect(reader.read(7, () => 'something')).toBeUndefined();
  expectWhole(given);
});

test('getInto copies what fits; putWith writes in place, and nothing is left of one that throws', () => {
  using given = stores(1);
  const [store] = given.stores as [KvStore];
  for (const partition of [0, 1]) store.claim(partition);
  store.putWith(1, 4, (bytes) => bytes.set([1, 2, 3, 4]));
  const target = new Uint8Array(3);
  expect([store.getInto(1, target), [...target], store.getInto(2, target)]).toEqual([4, [1, 2, 3], -1]);
  const before = given.pool.objects();
  const failing = () =>
    store.putWith(1, 4, () => {
      throw new Error('mine');
    });
  expect(failing).toThrow('mine');
  expect([given.pool.objects(), [...store.get(1)!]]).toEqual([before, [1, 2, 3, 4]]);
  expectWhole(given);
});

describe('a partition has one writer', () => {
  test('who others wait for until it lets go, or leaves', () => {
    using given = stores(3);
    const [first, second, third] = given.stores as [KvStore, KvStore, KvStore];
    expect([first.claim(0), first.claim(0), second.claim(0), second.claim(1)]).toEqual([true, true, false, true]);
    first.letGo(0);
    expect([second.claim(0), first.claim(0)]).toEqual([true, false]);
    given.pool.heaps[1]!.close();
    expect([first.claim(0), third.claim(1)]).toEqual([true, true]);
    expectWhole({ ...given, pool: { ...given.pool, heaps: [given.pool.heaps[0]!, given.pool.heaps[2]!] } });
  });

  test('and nobody else changes it', () => {
    using given = stores(2);
    const [first, second] = given.stores as [KvStore, KvStore];
    first.claim(0);
    first.claim(1);
    first.put(7, text('mine'));
    const before = given.pool.objects();
    expect([codeOf(() => second.put(7, text('yours'))), codeOf(() => second.delete(7))]).toEqual(['NOT_WRITER', 'NOT_WRITER']);
    expect(codeOf(() => second.letGo(0))).toBe('NOT_WRITER');
    expect([given.pool.objects(), told(second.get(7))]).toEqual([before, 'mine']);
    expectWhole(given);
  });
});

describe('a store is found by its name', () => {
  test('in the shape in which it was made', () => {
    using given = stores(1, { partitions: 3, buckets: 8 });
    const [heap] = given.pool.heaps as [HeapPool['heaps'][number]];
    using again = openStore(heap, 'test');
    expect(again.shape).toEqual({ partitions: 3, buckets: 8 });
    expect(codeOf(() => openStore(heap, 'test', { partitions: 3, buckets: 16 }))).toBe('OTHER_STORE');
    expect(codeOf(() => openStore(heap, 'other'))).toBe('NO_STORE');
    again.close();
    expectWhole(given);
  });

  test('or is something else', () => {
    using given = stores(1);
    const [heap] = given.pool.heaps as [HeapPool['heaps'][number]];
    using object = heap.alloc(64, 1);
    object.bytes.fill(0);
    heap.setRoot('kv/object', object);
    expect(codeOf(() => openStore(heap, 'object'))).toBe('OTHER_STORE');
    heap.setRoot('kv/object', undefined);
    object.drop();
    expectWhole(given);
  });
});

test.each<[string, (store: KvStore) => unknown, string]>([
  ['a negative key', (store) => store.get(-1), 'BAD_KEY'],
  ['a key that is no integer', (store) => store.get(0.5), 'BAD_KEY'],
  ['a number that is no safe integer', (store) => store.get(2 ** 53), 'BAD_KEY'],
  ['a key of 65 bits', (store) => store.get(2n ** 64n), 'BAD_KEY'],
  ['NaN', (store) => store.put(Number.NaN, text('it')), 'BAD_KEY'],
  ['a partition that is not there', (store) => store.claim(2), 'BAD_PARTITION'],
  ['a get within a read', (store) => store.read(1, () => store.get(1)), 'NESTED_READ'],
  ['a value larger than the heap', (store) => store.putWith(1, 2 ** 31, () => {}), 'HEAP_FULL'],
  [
    'a store that was closed',
    (store) => {
      store.close();
      store.get(1);
    },
    'STORE_CLOSED',
  ],
])('%s is refused', (_, action, code) => {
  using given = stores(1);
  const [store] = given.stores as [KvStore];
  store.claim(0);
  store.claim(1);
  store.put(1, text('it'));
  expect(codeOf(() => action(store))).toBe(code);
  expectWhole(given);
});

test.each([
  { partitions: 0, buckets: 1 },
  { partitions: 1.5, buckets: 1 },
  { partitions: 1, buckets: 3 },
  { partitions: 1, buckets: 0 },
])('there is no store of $partitions partitions with $buckets buckets', (shape) => {
  using pool = openHeaps(1);
  expect(codeOf(() => openStore(pool.heaps[0]!, 'test', shape))).toBe('BAD_SHAPE');
});

test('a full heap refuses a put and keeps what was there', () => {
  using given = stores(1);
  const [store] = given.stores as [KvStore];
  store.claim(0);
  store.claim(1);
  let key = 0;
  const fill = () => {
    for (; ; key++) store.put(key, new Uint8Array(2_000).fill(key));
  };
  expect(codeOf(fill)).toBe('HEAP_FULL');
  expect(key).toBeGreaterThan(100);
  for (let earlier = 0; earlier < key; earlier++) {
    expect(Buffer.compare(store.get(earlier)!, new Uint8Array(2_000).fill(earlier)), `${earlier}`).toBe(0);
  }
  expect(store.get(key)).toBeUndefined();
  store.delete(0);
  store.put(key, text('there is room again'));
  expectWhole(given);
});

test('is a map, whatever is done to it in whatever order', () => {
  const command = fc.record({
    act: fc.constantFrom('put', 'put', 'delete', 'get'),
    key: fc.integer({ min: 0, max: 11 }),
    size: fc.integer({ min: 0, max: 300 }),
  });
  fc.assert(
    fc.property(fc.array(command, { maxLength: 120 }), (commands) => {
      using given = stores(2, { partitions: 1, buckets: 2 });
      const [writer, reader] = given.stores as [KvStore, KvStore];
      writer.claim(0);
      const model = new Map<number, Uint8Array>();
      for (const [index, { act, key, size }] of commands.entries()) {
        const value = new Uint8Array(size).fill(index);
        if (act === 'put') {
          expect(writer.put(key, value)).toBe(model.has(key));
          model.set(key, value);
        } else if (act === 'delete') expect(writer.delete(key)).toBe(model.delete(key));
        else expect(reader.get(key)).toEqual(model.get(key));
      }
      for (let key = 0; key < 12; key++) expect(reader.get(key)).toEqual(model.get(key));
      expectWhole(given);
    }),
    { numRuns: 40 },
  );
});
