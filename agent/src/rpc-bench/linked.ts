/**
 * Linked structures of heap objects that one side builds and the other walks and edits in place: only what is touched moves from one machine to
 * the other. One writer at a time: the right to change a structure goes with the call that carries it, and comes back with its answer.
 */
import type { HeapClient, Ref } from '../shm/index.ts';

/** A list: each node refers to the next one. */
const next = 0;

/** Nodes of `values`, in order; a ref on the first one. */
export function buildList(heap: HeapClient, values: readonly number[]): Ref {
  let first: Ref | undefined;
  for (let index = values.length - 1; index >= 0; index--) {
    const node = heap.alloc(8, 1);
    node.view.setFloat64(0, values[index]!, true);
    if (first !== undefined) {
      node.attach(next, first);
      first.drop();
    }
    first = node;
  }
  if (first === undefined) throw new RangeError('a list has at least one node');
  return first;
}

/** Calls `visit` with each node in turn, until it says that it has seen enough. The nodes are let go of behind it. */
export function walkList(list: Ref, visit: (node: Ref) => boolean): void {
  let node: Ref | undefined = list.clone();
  while (node !== undefined) {
    const goOn = visit(node);
    const following: Ref | undefined = goOn ? node.acquire(next) : undefined;
    node.drop();
    node = following;
  }
}

/** Links a new node behind this one. */
export function insertAfter(heap: HeapClient, node: Ref, value: number): void {
  using added = heap.alloc(8, 1);
  using following = node.acquire(next);
  added.view.setFloat64(0, value, true);
  if (following !== undefined) added.attach(next, following);
  node.change(next, added);
}

/** Unlinks the node behind this one; it lives on with whoever else refers to it. */
export function removeAfter(node: Ref): void {
  using removed = node.acquire(next);
  using following = removed?.acquire(next);
  if (following !== undefined) node.change(next, following);
  else node.detach(next);
}

export interface TreeShape {
  /** References of an inner node. */
  readonly fanOut: number;
  readonly levels: number;
  readonly leafBytes: number;
}

/** A tree whose leaves are numbered from 0 to fanOut ** levels - 1. */
export function buildTree(heap: HeapClient, shape: TreeShape): Ref {
  if (shape.levels === 0) {
    const leaf = heap.alloc(shape.leafBytes);
    leaf.bytes.fill(0);
    return leaf;
  }
  const node = heap.alloc(8, shape.fanOut);
  for (let index = 0; index < shape.fanOut; index++) {
    using child = buildTree(heap, { ...shape, levels: shape.levels - 1 });
    node.attach(index, child);
  }
  return node;
}

/** A ref on the leaf with this number. */
export function leafOf(tree: Ref, { fanOut, levels }: TreeShape, leaf: number): Ref {
  let node = tree.clone();
  for (let level = levels - 1; level >= 0; level--) {
    const child = node.acquire(Math.floor(leaf / fanOut ** level) % fanOut);
    node.drop();
    if (child === undefined) throw new RangeError(`the tree has no leaf ${leaf}`);
    node = child;
  }
  return node;
}

/** Calls `visit` with each leaf, in order. */
export function walkTree(tree: Ref, shape: TreeShape, visit: (leaf: Ref) => void): void {
  if (shape.levels === 0) {
    visit(tree);
    return;
  }
  for (let index = 0; index < shape.fanOut; index++) {
    using child = tree.acquire(index);
    if (child !== undefined) walkTree(child, { ...shape, levels: shape.levels - 1 }, visit);
  }
}
