/**
 * A process of its own that makes or serves calls with references until it is killed, or told that its other side was: the other end of
 * references.local.test.ts. Its role is its first argument.
 */
import { native } from '../../src/pool/native.ts';
import { type ArmedCrash, type Core, instantiateCore, joinPool, type MapOptions, mapPool } from '../../src/pool/pool.ts';
import { connect, listen, RpcError } from '../../src/rpc/index.ts';
import { type ReferenceRequest, type Reply, withReferences } from '../../src/rpc/references.ts';
import { type HeapClient, openHeap, type Ref } from '../../src/shm/index.ts';

export interface Part {
  readonly files: MapOptions;
  readonly machineNumber: number;
  readonly crash?: ArmedCrash;
}

/** What a participant says, in this order. */
export type Said = { readonly calls: number } | { readonly end: string; readonly forgotten: number };

const deadlineMs = 60_000;
/** It says how far it is every so many calls. */
const sayEvery = 200;

function say(said: Said): void {
  process.send!(said);
}

function numbered(heap: HeapClient, number: number): Ref {
  const ref = heap.alloc(8 + (number % 100), 1);
  ref.view.setUint32(0, number);
  return ref;
}

const roles = {
  /** Copies, moves, large messages, several in flight, references that come back. Throws what ends it. */
  caller: (heap: HeapClient, core: Core) => {
    using calls = withReferences(connect(core, 'references', { deadlineMs }), heap);
    for (let number = 0; ; number++) {
      if (number % sayEvery === 0) say({ calls: number });
      using parent = numbered(heap, number);
      using child = numbered(heap, number + 1);
      parent.attach(0, child);
      const request = new Uint8Array(number % 3 === 0 ? 500 : 8).fill(number & 255);
      const { bytes, refs } = calls.callSync(request, { refs: [parent, child], move: number % 2 === 0, deadlineMs });
      const numbers = refs.map(({ view }) => view.getUint32(0));
      for (const ref of refs) ref.drop();
      if (numbers.join() !== [number, 2 * number].join() || bytes[0] !== (number & 255) || bytes.length !== request.length)
        throw new Error(`call ${number} was answered with ${numbers.join()} and ${bytes.length} bytes`);
    }
  },
  server: (heap: HeapClient, core: Core) => {
    using server = withReferences(listen(core, 'references', { payloadBytes: 64 }), heap);
    let served = 0;
    const handler = ({ bytes, refs }: Omit<ReferenceRequest, 'slot'>): Reply => {
      if (served++ % sayEvery === 0) say({ calls: served });
      const [parent] = refs as [Ref];
      // Edited in place: the child is exchanged.
      using added = numbered(heap, 7);
      parent.change(0, added);
      return { bytes, refs: [parent, numbered(heap, 2 * parent.view.getUint32(0))] };
    };
    throw new RpcError('CLOSED', server.serve(handler, { deadlineMs }));
  },
} as const;

export type Role = keyof typeof roles;

const role = process.argv[2] as Role;
const part = JSON.parse(process.argv[3]!) as Part;
native().setParentDeathSignal(process.ppid);
const core = instantiateCore(mapPool(part.files), { thread: 0, ...(part.crash === undefined ? {} : { crash: part.crash }) });
joinPool(core, part);
const heap = openHeap(core);
try {
  roles[role](heap, core);
} catch (error) {
  if (!(error instanceof RpcError)) throw error;
  say({ end: error.code === 'CLOSED' ? error.message : error.code, forgotten: heap.close() });
}
process.disconnect();
