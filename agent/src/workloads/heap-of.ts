/** The heap as the tasks of one worker share it: opened by the first of them, closed when the worker leaves the pool. */
import type { Core } from '../pool/core.ts';
import type { ClientIdentity } from '../protocol/messages.ts';
import { integer, object } from '../protocol/shape.ts';
import { type HeapClient, openHeap } from '../shm/index.ts';

const heaps = new WeakMap<Core, HeapClient>();

/** Throws HeapError as `openHeap`. */
export function heapOf(core: Core): HeapClient {
  const known = heaps.get(core);
  if (known !== undefined) return known;
  const heap = openHeap(core);
  heaps.set(core, heap);
  return heap;
}

/** Another client, as the controller knows it. */
export const clientIdentity = object<ClientIdentity>({ id: integer(0, 65_535), incarnation: integer(0, 2 ** 32 - 1) });
