/** Finds a store by its name, or makes it. */
import { codes, constants, layout } from '../layout/index.ts';
import { HeapClient } from '../shm/heap-client.ts';
import { Ref } from '../shm/ref.ts';
import { handOverName } from '../shm/session.ts';
import { KvError } from './kv-error.ts';
import { KvStore } from './kv-store.ts';

/** Chosen by who makes a store, and fixed from then on. */
export interface StoreShape {
  /** Parts of the store, each changed by one client at a time: at least as many as clients that write. 1 to 4096. */
  readonly partitions: number;
  /** Of each partition, 8 bytes each: about as many as it shall have keys. A power of two up to 2^24. */
  readonly buckets: number;
}

const partitionLimit = 4096;
const bucketLimit = 2 ** 24;
/** Somebody else is making the store meanwhile, or died at it and is being recovered. */
const lookLimit = 1000;

/**
 * Opens the store `name`, which is made when it is not there and a shape is given; of all who do that at the same time, one makes it. It
 * outlives them; `heap.setRoot('kv/<name>', undefined)` takes it away once nobody has it open.
 * Throws KvError NO_STORE, OTHER_STORE, BAD_SHAPE; HeapError as `HeapClient.alloc` and `HeapClient.setRoot`.
 */
export function openStore(heap: HeapClient, name: string, shape?: StoreShape): KvStore {
  if (shape !== undefined) checkShape(shape);
  const rootName = `kv/${name}`;
  for (let look = 0; look < lookLimit; look++) {
    const found = heap.root(rootName);
    if (found !== undefined) return checked(heap, name, found, shape);
    if (shape === undefined) throw new KvError('NO_STORE', `there is no store "${name}"`, 'open it with a shape to make it');
    const made = make(heap, shape);
    const session = HeapClient.sessionOf(heap);
    const code = session.exports.shmSetNameOnce(
      handOverName(session.core, rootName),
      Ref.rootOf(made, session, 'making a store'),
    );
    if (code === codes.OK) return new KvStore(session, made, shape);
    made.drop();
    if (code === codes.FULL) {
      throw new KvError('NO_STORE', `the store "${name}" found all names taken`, 'format the pool with more `heap.names`');
    }
    if (code !== codes.OCCUPIED && code !== codes.BUSY) throw session.refusal(`making the store "${name}"`, code);
  }
  throw new KvError(
    'UNSETTLED',
    `somebody else was making the store "${name}" all the time`,
    'recover whoever died at it, then try again',
  );
}

function checkShape({ partitions, buckets }: StoreShape): void {
  const isPossible =
    Number.isInteger(partitions) &&
    partitions >= 1 &&
    partitions <= partitionLimit &&
    buckets <= bucketLimit &&
    isPowerOfTwo(buckets);
  if (isPossible) return;
  throw new KvError(
    'BAD_SHAPE',
    `a store cannot have ${partitions} partitions of ${buckets} buckets`,
    `1 to ${partitionLimit} partitions; buckets are a power of two up to ${bucketLimit}`,
  );
}

function isPowerOfTwo(count: number): boolean {
  return Number.isInteger(count) && count >= 1 && (count & (count - 1)) === 0;
}

function make(heap: HeapClient, { partitions, buckets }: StoreShape): Ref {
  const store = heap.alloc(layout.KvStore.classBytes, partitions);
  store.view.setBigUint64(layout.KvStore.magic.offset, constants.KV_STORE_MAGIC, true);
  try {
    for (let index = 0; index < partitions; index++) {
      using partition = heap.alloc(layout.KvPartition.classBytes, buckets);
      partition.view.setBigUint64(layout.KvPartition.magic.offset, constants.KV_PARTITION_MAGIC, true);
      partition.view.setBigUint64(layout.KvPartition.writer.offset, 0n, true);
      store.attach(index, partition);
    }
  } catch (error) {
    store.drop();
    throw error;
  }
  return store;
}

function checked(heap: HeapClient, name: string, found: Ref, asked: StoreShape | undefined): KvStore {
  const shape = shapeOf(found);
  const isAsked = asked === undefined || (asked.partitions === shape?.partitions && asked.buckets === shape.buckets);
  if (shape !== undefined && isAsked) return new KvStore(HeapClient.sessionOf(heap), found, shape);
  found.drop();
  const what = shape === undefined ? 'something else' : `a store of ${shape.partitions} partitions of ${shape.buckets} buckets`;
  throw new KvError('OTHER_STORE', `"kv/${name}" is ${what}`, 'open it without a shape, or use another name');
}

function shapeOf(found: Ref): StoreShape | undefined {
  const { references, dataBytes } = found;
  if (references === 0 || dataBytes < layout.KvStore.classBytes) return undefined;
  if (found.view.getBigUint64(layout.KvStore.magic.offset, true) !== constants.KV_STORE_MAGIC) return undefined;
  using partition = found.acquire(0);
  return partition === undefined ? undefined : { partitions: references, buckets: partition.references };
}
