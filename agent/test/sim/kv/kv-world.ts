/** A small pool with one store in it: one partition of one bucket, so that keys meet. Values say whose they are. */
import { codes, constants, layout } from '../../../src/layout/index.ts';
import type { CoreExports } from '../../../src/pool/core.ts';
import { expectCode, type HeapOptions, heapClient, heapWorld, root } from '../heap/heap-world.ts';
import { kinds } from '../memory-profile.ts';
import { type Call, call, type SimulatedClient, type World } from '../simulator.ts';

export const storeName = 'kv';
/** Of every node: room for a value of 24 bytes, of which as many count as the version says. */
export const valueRoom = 24;
const nodeBytes = constants.KV_NODE_DATA_BYTES + valueRoom;

/** Whom a program belongs to: the client, and its root on the store. */
export interface Participant {
  readonly client: SimulatedClient;
  readonly store: number;
}

export interface KvWorld {
  readonly world: World;
  readonly writer: Participant;
  readonly reader: Participant;
  /** Keys of one bucket, in the order in which they are put. */
  readonly keys: readonly [number, number, number];
}

export interface KvOptions extends HeapOptions {
  readonly partitions?: number;
  readonly buckets?: number;
}

export function kvWorld(options: KvOptions = {}): KvWorld {
  const { partitions = 1, buckets = 1 } = options;
  const world = heapWorld(options);
  const writer = heapClient(world, 1);
  const store = makeStore(writer, partitions, buckets);
  expectCode('claim', writer.core.kvClaim(store, 0));
  return { world, writer: { client: writer, store }, reader: reads(heapClient(world, 2)), keys: [5, 6, 7] };
}

/** A client's root on the store that somebody made. */
export function reads(client: SimulatedClient): Participant {
  return { client, store: root(client.core.shmGetName(client.name(storeName))) };
}

/** As agent/src/kv makes one. */
function makeStore(client: SimulatedClient, partitions: number, buckets: number): number {
  const { core } = client;
  const store = root(core.shmAlloc(layout.KvStore.classBytes, partitions));
  writeMagic(client, store, partitions, constants.KV_STORE_MAGIC);
  for (let index = 0; index < partitions; index++) {
    const partition = root(core.shmAlloc(layout.KvPartition.classBytes, buckets));
    writeMagic(client, partition, buckets, constants.KV_PARTITION_MAGIC);
    expectCode('attach', core.shmAttach(store, index, partition));
    expectCode('drop', core.shmDrop(partition));
  }
  expectCode('name', core.shmSetNameOnce(client.name(storeName), store));
  return store;
}

function writeMagic(client: SimulatedClient, held: number, references: number, magic: bigint): void {
  const at = client.core.shmPayload(held) + references * 8;
  const low = Number(magic & 0xffffffffn);
  storeWord(client, at, low, Number(magic >> 32n));
  storeWord(client, at + 8, 0, 0);
}

/** What a program writes into the pool past the core: through its machine's cache, in no order, as stores of JavaScript are. */
function storeWord({ world, index, machine }: SimulatedClient, offset: number, low: number, high: number): void {
  world.memory.access(index, machine, kinds.store | (8 << 4), addressOf(world, offset), low, high, 0, 0);
}

function loadWord({ world, index, machine }: SimulatedClient, offset: number): readonly [low: number, high: number] {
  const low = world.memory.access(index, machine, kinds.load | (8 << 4) | (1 << 8), addressOf(world, offset), 0, 0, 0, 0);
  return [low >>> 0, world.memory.upper >>> 0];
}

function addressOf(world: World, offset: number): number {
  return world.historyBase - world.poolSizeBytes + offset;
}

/** Every word of a value, by key and version: every version of every key differs in all of them. */
function valueWord(key: number, version: number): number {
  return (key << 16) | version;
}

/** Fills the value of the node that a root holds, before it is put. */
export function writeValue({ client }: Participant, payload: number, key: number, version: number): void {
  const at = payload + 8 + constants.KV_NODE_DATA_BYTES;
  const word = valueWord(key, version);
  for (let offset = 0; offset < valueRoom; offset += 8) storeWord(client, at + offset, word, word);
}

/** Whether the value at a node is wholly that of this key and version. */
export function isValue({ client }: Participant, node: number, key: number, version: number): boolean {
  const word = valueWord(key, version);
  for (let offset = 0; offset < valueRoom; offset += 8) {
    const [low, high] = loadWord(client, node + constants.KV_NODE_DATA_BYTES + offset);
    if (low !== word || high !== word) return false;
  }
  return true;
}

/** A step of a program: a call, and its answer. */
export type Steps<Answer> = Generator<Call, Answer, number>;

export interface PutOptions {
  /** The value is written only when the node is linked: a mistake of the program, not of the core. */
  readonly writesLate?: boolean;
  /** The value is left as it is. */
  readonly writesNothing?: boolean;
}

/** Allocates, writes, links: what KvStore.put does. `version`: from 1, at most `valueRoom`; it is the length of the value. */
export function* put(writer: Participant, key: number, version: number, options: PutOptions = {}): Steps<number> {
  const held = yield call('shmAlloc', nodeBytes, constants.KV_NODE_REFERENCES);
  if (held >>> 0 < codes.CODE_LIMIT) return held;
  const payload = yield call('shmPayload', held);
  const writes = options.writesNothing !== true;
  if (writes && options.writesLate !== true) writeValue(writer, payload, key, version);
  const code = yield call('kvPut', writer.store, held, key, 0, version);
  if (writes && options.writesLate === true) writeValue(writer, payload, key, version);
  return code;
}

/** Runs steps at once, as an ordinary client does. */
export function at<Answer>(core: CoreExports, steps: Steps<Answer>): Answer {
  let next = steps.next();
  while (!next.done) {
    const exported = core[next.value.fn] as (...args: readonly number[]) => number | undefined;
    next = steps.next(exported(...next.value.args) ?? 0);
  }
  return next.value;
}

/** The version of the key that a client sees now, 0 for none; throws when the value is not what it says. */
export function versionOf(participant: Participant, key: number): number {
  const { core } = participant.client;
  const node = core.kvGet(participant.store, key, 0) >>> 0;
  if (node === codes.NOT_FOUND) return 0;
  const version = core.kvValueBytes(root(node));
  if (!isValue(participant, node, key, version)) throw new Error(`the value of key ${key} is not that of version ${version}`);
  expectCode('release', core.kvRelease());
  return version;
}
