/**
 * CXL-SHM: a heap in the pool, shared by clients on all machines, that survives the death of any of them (docs/heap.md).
 *
 *     const self = joinPool(core, { machineNumber });
 *     using heap = openHeap(core);
 *     using list = heap.alloc(16, 2);           // 16 bytes of data, two references
 *     using item = heap.alloc(64);
 *     item.view.setFloat64(0, 42, true);        // the device's own bytes
 *     list.attach(0, item);
 *     heap.setRoot('list', list);               // outlives this client
 */
export { type HeapClient, type OpenOptions, openHeap } from './heap-client.ts';
export { HeapError, type HeapErrorCode, type MemoryNumbers } from './heap-error.ts';
export type { ReceiveQueue, SendQueue, SendResult } from './queues.ts';
export type { Ref } from './ref.ts';
export type { LeakReports } from './session.ts';
