/** Lists and trees of heap objects that the caller builds and the server walks and edits in place. */
import { expect, test } from 'vitest';
import { buildList, buildTree, insertAfter, leafOf, removeAfter, walkList, walkTree } from '../../src/rpc-bench/linked.ts';
import type { Ref } from '../../src/shm/index.ts';
import { smallHeap } from '../shm/heap-pool.ts';
import { referencePool, serveOne } from './reference-pool.ts';

const empty = new Uint8Array(0);

function valuesOf(list: Ref): readonly number[] {
  const values: number[] = [];
  walkList(list, (node) => {
    values.push(node.view.getFloat64(0, true));
    return true;
  });
  return values;
}

test('a server walks a list that the caller built, edits a node, adds one and takes one away, all in place', () => {
  const pool = referencePool();
  const { here, there, calls, server } = pool;
  const list = buildList(here, [1, 2, 3, 4, 5]);
  const nodes = pool.objects();

  const slot = calls.send(empty, { refs: [list] })!;
  serveOne(server, ({ refs }) => {
    walkList(refs[0]!, (node) => {
      const value = node.view.getFloat64(0, true);
      if (value === 2) {
        node.view.setFloat64(0, 20, true);
        insertAfter(there, node, 25);
      }
      if (value === 4) removeAfter(node);
      return value !== 4;
    });
    return {};
  });
  calls.poll(slot);
  calls.finish(slot);

  expect([valuesOf(list), pool.objects(), nodes]).toEqual([[1, 20, 25, 3, 4], 5, 5]);
  expect([here.rootsInUse, there.rootsInUse]).toEqual([1, 0]);
  list.drop();
  expect(pool.end()).toEqual([]);
});

test('a server finds one leaf of a tree, edits a field of it, and keeps nothing', () => {
  const pool = referencePool({ heap: { heap: { ...smallHeap, clients: 4 } } });
  const { here, there, calls, server } = pool;
  const shape = { fanOut: 4, levels: 3, leafBytes: 64 };
  const tree = buildTree(here, shape);
  expect(pool.objects()).toBe(1 + 4 + 16 + 64);

  const slot = calls.send(new Uint8Array([27]), { refs: [tree] })!;
  serveOne(server, ({ bytes, refs }) => {
    using leaf = leafOf(refs[0]!, shape, bytes[0]!);
    leaf.view.setUint32(32, 4_711, true);
    return { refs: [leaf.clone()] };
  });
  const answer = calls.poll(slot)!;
  expect([answer.refs[0]!.view.getUint32(32, true), answer.refs[0]!.count]).toEqual([4_711, 2]);
  const found: number[] = [];
  let number = 0;
  walkTree(tree, shape, (leaf) => {
    if (leaf.view.getUint32(32, true) === 4_711) found.push(number);
    number++;
  });
  expect([found, number, there.rootsInUse]).toEqual([[27], 64, 0]);

  tree.drop();
  expect([answer.refs[0]!.count, pool.objects()]).toEqual([1, 1]);
  answer.refs[0]!.drop();
  expect(pool.end()).toEqual([]);
});
