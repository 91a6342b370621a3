/** The stores as the tasks of one worker share them: what one task claimed the next one writes. */
import { type KvStore, openStore } from '../kv/index.ts';
import type { Core } from '../pool/core.ts';
import { integer, listOf, object } from '../protocol/shape.ts';
import type { KvShape } from '../protocol/tasks.ts';
import { heapOf } from './heap-of.ts';

const stores = new WeakMap<Core, Map<string, KvStore>>();

/** Throws KvError as `openStore`. */
export function storeOf(core: Core, name: string, shape: KvShape): KvStore {
  const known = stores.get(core) ?? new Map<string, KvStore>();
  stores.set(core, known);
  const store = known.get(name) ?? openStore(heapOf(core), name, shape);
  known.set(name, store);
  return store;
}

/** Takes the store's name away and closes it here; whoever else has it open keeps it until then. False when there was none. */
export function removeStore(core: Core, name: string): boolean {
  const heap = heapOf(core);
  stores.get(core)?.get(name)?.close();
  stores.get(core)?.delete(name);
  const rootName = `kv/${name}`;
  const found = heap.root(rootName);
  if (found === undefined) return false;
  heap.setRoot(rootName, undefined);
  found.drop();
  return true;
}

export const kvShape = object<KvShape>({ partitions: integer(1, 4096), buckets: integer(1, 2 ** 24) });
export const partitionList = listOf(integer(0, 4095), 4096);
