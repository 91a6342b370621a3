/** Refs that a program forgets: reported, and dropped, when they are collected. */
import { once } from 'node:events';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';
import type { HeapClient } from '../../src/shm/index.ts';
import { openHeaps } from './heap-pool.ts';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

interface LeakWarning extends Error {
  readonly code: string;
  readonly detail: string;
}

function forget(heap: HeapClient, times: number): void {
  for (let number = 0; number < times; number++) heap.alloc(8);
}

function forgetOneClone(heap: HeapClient) {
  const ref = heap.alloc(8);
  ref.clone();
  return ref;
}

test('all of them are watched for on demand, and the warning says where each came from', async () => {
  using pool = openHeaps(1, { leakReports: 'all' });
  const [heap] = pool.heaps;
  const warned = once(process, 'warning') as Promise<[LeakWarning]>;
  forget(heap!, 1);
  expect(heap!.rootsInUse).toBe(1);
  collectGarbage();

  const [warning] = await warned;
  expect([warning.name, warning.code]).toEqual(['HeapLeak', 'REF_LEAKED']);
  expect(warning.detail).toContain('leaks.test.ts');
  expect(heap!.rootsInUse).toBe(0);
  expect(pool.objects()).toBe(0);
  expect(pool.audit()).toEqual([]);
});

test('one in 256 is watched otherwise; the others are dropped when the heap closes', async () => {
  using pool = openHeaps(1);
  const [heap] = pool.heaps;
  const warned = once(process, 'warning');
  forget(heap!, 600);
  collectGarbage();
  await warned;
  expect(heap!.rootsInUse).toBeGreaterThanOrEqual(598);
  expect(heap!.close()).toBeGreaterThanOrEqual(598);
  expect(pool.objects()).toBe(0);
  expect(pool.audit()).toEqual([]);
});

test('a clone that is forgotten does not take the object from the others', async () => {
  using pool = openHeaps(1, { leakReports: 'all' });
  const [heap] = pool.heaps;
  const warned = once(process, 'warning');
  const ref = forgetOneClone(heap!);
  collectGarbage();
  await warned;
  expect(ref.count).toBe(1);
  ref.drop();
  expect(pool.objects()).toBe(0);
});

test('what was dropped, or moved, is not reported, and nothing is when reports are off or the heap is closed', async () => {
  const heard: Error[] = [];
  const listen = (warning: Error) => heard.push(warning);
  process.on('warning', listen);
  using watched = openHeaps(2, { leakReports: 'all' });
  using unwatched = openHeaps(1, { leakReports: 'off' });
  using closed = openHeaps(1, { leakReports: 'all' });
  const queue = watched.heaps[0]!.openQueue({ id: 1 });
  (() => {
    for (let number = 0; number < 100; number++) watched.heaps[0]!.alloc(8).drop();
    queue.move(watched.heaps[0]!.alloc(8));
    forget(unwatched.heaps[0]!, 1000);
    forget(closed.heaps[0]!, 100);
    closed.heaps[0]!.close();
  })();
  // Finalizers run in the order in which their refs were collected: when this one is heard, those above have been passed over.
  using last = openHeaps(1, { leakReports: 'all' });
  collectGarbage();
  const warned = once(process, 'warning');
  forget(last.heaps[0]!, 1);
  collectGarbage();
  await warned;
  process.off('warning', listen);

  expect(heard).toHaveLength(1);
  expect(unwatched.heaps[0]!.rootsInUse).toBe(1000);
  expect(watched.heaps[0]!.rootsInUse).toBe(0);
});
