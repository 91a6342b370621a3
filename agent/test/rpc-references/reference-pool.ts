/** Two threads of one process with the heap open and a connection between them whose calls carry references. */
import { codes } from '../../src/layout/index.ts';
import type { HeapOptions } from '../../src/pool/pool.ts';
import { connect, type ListenOptions, listen } from '../../src/rpc/index.ts';
import { ReferenceCaller } from '../../src/rpc/reference-caller.ts';
import { type ReferenceReply, type ReferenceRequest, ReferenceServer } from '../../src/rpc/reference-server.ts';
import { RpcError } from '../../src/rpc/rpc-error.ts';
import { type HeapClient, HeapError, type OpenOptions, type Ref } from '../../src/shm/index.ts';
import { type HeapPool, openHeaps } from '../shm/heap-pool.ts';

export interface ReferencePool extends HeapPool {
  readonly here: HeapClient;
  readonly there: HeapClient;
  readonly calls: ReferenceCaller;
  readonly server: ReferenceServer;
  /** Closes both ends and both heaps: what is wrong with the pool then, refs that were forgotten and objects that are left among it. */
  end(): readonly string[];
}

const soon = { deadlineMs: 0 };

/** Thread 0 calls, thread 1 serves; more threads have the heap open for whatever the test needs them. */
export function referencePool(
  options: ListenOptions & { readonly threads?: number; readonly heap?: OpenOptions & { readonly heap?: HeapOptions } } = {},
): ReferencePool {
  const { threads = 2, heap = {}, ...listening } = options;
  const pool = openHeaps(threads, heap);
  const [caller, serving] = pool.cores;
  const [here, there] = pool.heaps;
  const server = new ReferenceServer(listen(serving!, 'objects', listening), there!);
  const calls = new ReferenceCaller(connect(caller!, 'objects', soon), here!);
  return {
    ...pool,
    here: here!,
    there: there!,
    calls,
    server,
    end() {
      calls.close();
      server.close();
      const problems = [...pool.audit()];
      for (const [index, each] of pool.heaps.entries()) {
        const left = each.isOpen ? each.close() : 0;
        if (left > 0) problems.push(`client ${index} forgot ${left} refs`);
      }
      if (pool.objects() !== 0) problems.push(`${pool.objects()} objects are left`);
      problems.push(...pool.audit());
      pool[Symbol.dispose]();
      return problems;
    },
  };
}

/** A call that was sent is served, then looked at: both ends in one thread. */
export function serveOne(server: ReferenceServer, handler: (request: ReferenceRequest) => ReferenceReply): string {
  const request = server.take(1);
  if (typeof request === 'string') return request;
  let reply: ReferenceReply;
  try {
    reply = handler(request);
  } catch (error) {
    reply = { status: codes.FAILED, bytes: new TextEncoder().encode((error as Error).message) };
  }
  server.reply(request.slot, reply);
  return 'served';
}

/** An object that says a number. */
export function numbered(heap: HeapClient, number: number): Ref {
  const ref = heap.alloc(8);
  ref.view.setFloat64(0, number, true);
  return ref;
}

export const numberOf = (ref: Ref): number => ref.view.getFloat64(0, true);

/** The code of the RpcError or HeapError that this throws. */
export function codeOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    if (error instanceof RpcError || error instanceof HeapError) return error.code;
    throw error;
  }
  return 'nothing was refused';
}
