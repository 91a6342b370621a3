/**
 * A process of its own that has the heap open and does what gets it killed: the other end of deaths.local.test.ts. Its role is its first
 * argument. It says where things lie before it goes on, and goes on when it is told to.
 */
import { once } from 'node:events';
import { constants } from '../../src/layout/index.ts';
import { native } from '../../src/pool/native.ts';
import { type ArmedCrash, type Core, instantiateCore, joinPool, type MapOptions, mapPool } from '../../src/pool/pool.ts';
import { type HeapClient, openHeap, type Ref } from '../../src/shm/index.ts';

export interface Part {
  readonly files: MapOptions;
  readonly machineNumber: number;
  readonly crash?: ArmedCrash;
}

/** Offset of the payload of the object that is at stake. */
function payloadOf(core: Core, ref: Ref): number {
  return ref.bytes.byteOffset - core.pool.byteOffset - ref.references * 8;
}

async function say(offset: number): Promise<void> {
  process.send!(offset);
  await once(process, 'message');
}

function writeWord(core: Core, offset: number, value: bigint): void {
  new DataView(core.pool.buffer, core.pool.byteOffset + offset, 8).setBigUint64(0, value, true);
}

const roles = {
  /** Detaches a reference that somebody wrote over. */
  'detach-forged': async (heap: HeapClient, core: Core) => {
    const ref = heap.alloc(8, 1);
    await say(payloadOf(core, ref));
    writeWord(core, payloadOf(core, ref), 24n);
    ref.detach(0);
  },
  /** Detaches a reference that somebody made refer to a free block. */
  'detach-free': async (heap: HeapClient, core: Core) => {
    const ref = heap.alloc(8, 1);
    const other = heap.alloc(8, 1);
    const free = payloadOf(core, other) - constants.OBJECT_HEADER_BYTES;
    other.drop();
    await say(payloadOf(core, ref));
    writeWord(core, payloadOf(core, ref), BigInt(free));
    ref.detach(0);
  },
  /** Allocates until it touches what the file has no more. */
  'fill-all': async (heap: HeapClient, core: Core) => {
    const first = heap.alloc(1000);
    await say(payloadOf(core, first));
    for (;;) heap.alloc(1000).bytes.fill(1);
  },
  /** Everything that the API has, again and again, until it is killed. */
  work: async (heap: HeapClient, core: Core) => {
    await say(payloadOf(core, heap.alloc(8)));
    const queue = heap.openQueue({ id: 0 });
    const list = heap.alloc(8, 4);
    for (let number = 0; ; number++) {
      const item = heap.alloc(8 + (number % 500), 2);
      const part = heap.alloc(16);
      item.change(0, part);
      item.attach(1, part);
      part.clone().drop();
      part.drop();
      item.detach(1);
      heap.alloc(16).drop();
      list.change(number % 4, item);
      list.acquire((number + 1) % 4)?.drop();
      heap.setRoot(`name ${number % 3}`, item);
      heap.root(`name ${(number + 1) % 3}`)?.drop();
      if (queue.move(item) !== 'sent') item.drop();
      if (number % 7 === 0) list.detach(number % 4);
      if (number % 100 === 0) heap.collect();
    }
  },
} as const;

export type Role = keyof typeof roles;

const role = process.argv[2] as Role;
const part = JSON.parse(process.argv[3]!) as Part;
native().setParentDeathSignal(process.ppid);
const core = instantiateCore(mapPool(part.files), { thread: 0, ...(part.crash === undefined ? {} : { crash: part.crash }) });
joinPool(core, part);
await roles[role](openHeap(core), core);
