/**
 * Passing by reference against copying through the same rings: two threads, JavaScript at both ends, core to core. The three ways take turns in
 * one run, and passing by reference has two turns, so that its own spread is known.
 */
import { loadavg } from 'node:os';
import { deserialize, serialize } from 'node:v8';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { benchPool, machineNumber } from '../heap-bench/bench-pool.ts';
import { constants } from '../layout/index.ts';
import { type Core, instantiateCore, joinPool, type MappedPool } from '../pool/pool.ts';
import {
  connect,
  connectService,
  defineService,
  type HeapArguments,
  heap,
  listen,
  type ServiceCaller,
  serve,
} from '../rpc/index.ts';
import { type HeapClient, openHeap, type Ref } from '../shm/index.ts';
import { buildTree, leafOf, type TreeShape, walkTree } from './linked.ts';
import { StreamCaller, type StreamReader, serialisedMessage, serveStream } from './stream.ts';

/** Buffers of the stream: the one that is faster at a size counts. */
export const streamBuffers = [
  { service: 'stream-1024', payloadBytes: 1024, window: 16 },
  { service: 'stream-4096', payloadBytes: 4096, window: 4 },
] as const;

const sizes = [64, 256, 1024, 4096, 16_384, 65_536, 262_144, 1_048_576];
/** 1 MiB in leaves of 1 KiB, two levels of references above them. */
const tree: TreeShape = { fanOut: 32, levels: 2, leafBytes: 1024 };
const leafCount = tree.fanOut ** tree.levels;

const deadlineMs = 10_000;
const looks = 1_000;
/** The server looks so often whose turn it is. */
const turnMs = 1;
const roundNs = 300_000;
/** Of each way: some thousand calls, without which half of what is measured is code that is not compiled yet. */
const warmUpMs = 100;
const stopped = -1;

const one = heap({ takes: 1, gives: 0 });
const service = defineService('references', { methods: { look: one, touch: one, edit: one } });
type MethodName = keyof (typeof service)['declarations'];

const nothing = {};
const argumentOf = (bytes: Uint8Array): number => new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);

/** What the server does with a reference. */
const handlers = {
  look: () => nothing,
  touch: ({ bytes, refs: [ref] }: HeapArguments<1>) => {
    touch(ref.bytes, argumentOf(bytes));
    return nothing;
  },
  edit: ({ bytes, refs: [ref] }: HeapArguments<1>) => {
    using leaf = leafOf(ref, tree, argumentOf(bytes));
    leaf.view.setUint32(512, leaf.view.getUint32(512, true) + 1, true);
    return nothing;
  },
};

/** Keeps what was looked at from being left out. */
const sums = new Float64Array(1);

/** One word of every line. */
function touch(bytes: Uint8Array, lengthBytes: number): void {
  let sum = 0;
  for (let at = 0; at < lengthBytes; at += constants.LINE_BYTES) sum += bytes[at]!;
  sums[0]! += sum;
}

function rewrite(bytes: Uint8Array, lengthBytes: number, value: number): void {
  for (let at = 0; at < lengthBytes; at += constants.LINE_BYTES) bytes[at] = value;
}

interface Orders {
  readonly mapped: MappedPool;
  /** Which service to serve: its place in `streamBuffers`, or their number for references; `stopped`. */
  readonly turn: Int32Array<SharedArrayBuffer>;
}

function openAs(mapped: MappedPool, thread: number): readonly [Core, HeapClient] {
  const core = instantiateCore(mapped, { thread });
  joinPool(core, { machineNumber });
  return [core, openHeap(core, { leakReports: 'off' })];
}

/** The server's thread. */
export function serveReferences(): void {
  const { mapped, turn } = workerData as Orders;
  const [core, heapHere] = openAs(mapped, 1);
  const streams = streamBuffers.map((buffers) => serveStream(listen(core, buffers.service, buffers), streamReader()));
  using references = serve(core, service, handlers, { heap: heapHere, waiting: 'spin' });
  parentPort!.postMessage('ready');
  for (;;) {
    const now = Atomics.load(turn, 0);
    if (now === stopped) break;
    const stream = streams[now];
    if (stream === undefined) references.run({ deadlineMs: turnMs });
    else stream.poll(looks, 1_000);
  }
  references.close();
  for (const stream of streams) stream.close();
  heapHere.close();
}

/** What the server does with a message that has come through the stream whole: it touches it, or makes a tree of it and edits a leaf. */
function streamReader(): StreamReader {
  const leaves = new Map<number, Uint8Array>();
  return {
    touch,
    readRecords(bytes) {
      for (const { x } of deserialize(bytes) as BenchRecord[]) sums[0]! += x;
    },
    edit(bytes, leaf) {
      for (let number = 0; number < leafCount; number++) {
        leaves.set(number, bytes.slice(number * tree.leafBytes, (number + 1) * tree.leafBytes));
      }
      const edited = leaves.get(leaf)!;
      edited[512] = edited[512]! + 1;
    },
  };
}

/** An argument that has to be serialised, of about a line. */
interface BenchRecord {
  readonly id: number;
  x: number;
  readonly y: number;
  readonly z: number;
}

/** ns per call over the rounds. Quiet: the lowest tenth of them, for hosts on which either thread has to wait for a core at times. */
export interface Spread {
  readonly medianNs: number;
  readonly quietNs: number;
}

export interface SizeFigure {
  readonly bytes: number;
  /** The object rests in the pool, its caller changes nothing between calls; or writes every line before each. */
  readonly mode: 'resting' | 'rewritten';
  readonly reference: Spread;
  /** The same once more, in turns of its own. */
  readonly referenceAgain: Spread;
  /** The server looks at nothing. */
  readonly referenceOnly: Spread;
  readonly stream: Readonly<Record<string, Spread>>;
  /** As many objects of JavaScript as there are lines, serialised by V8, copied through the faster stream, and made again by the server. */
  readonly serialised: Spread;
  /** The fastest stream over the slower of both turns of the reference. */
  readonly ratio: Spread;
  readonly ratioToSerialised: Spread;
}

export interface EditFigure {
  readonly leaves: number;
  readonly leafBytes: number;
  readonly inPlace: Spread;
  readonly inPlaceAgain: Spread;
  readonly sendWhole: Readonly<Record<string, Spread>>;
  readonly ratio: Spread;
}

export interface ReferenceFigures {
  readonly rounds: number;
  /** Threads that wanted a core in the last minute, before and after: above the cores, only the quiet figures say something. */
  readonly loadBefore: number;
  readonly loadAfter: number;
  readonly sizes: readonly SizeFigure[];
  readonly edit: EditFigure;
}

/** The caller's thread. */
export async function measureReferences(file: URL, rounds: number): Promise<ReferenceFigures> {
  using pool = benchPool();
  const turn = new Int32Array(new SharedArrayBuffer(4));
  const worker = new Worker(file, { workerData: { mapped: pool.mapped, turn, part: 'references' } });
  await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
  const exited = new Promise((resolve) => worker.once('exit', resolve));
  const [core, heap] = openAs(pool.mapped, 0);
  const loadBefore = loadavg()[0]!;
  const bench = new Bench(core, heap, turn, rounds);
  try {
    const figures = sizes.flatMap((bytes) => [bench.size(bytes, 'resting'), bench.size(bytes, 'rewritten')]);
    const edit = bench.edit();
    return { rounds, loadBefore, loadAfter: loadavg()[0]!, sizes: figures, edit };
  } finally {
    bench.close();
    Atomics.store(turn, 0, stopped);
    await exited;
    heap.close();
  }
}

interface Way {
  readonly name: string;
  /** The service that has to be served meanwhile. */
  readonly turn: number;
  readonly call: (number: number) => void;
}

class Bench {
  readonly #heap: HeapClient;
  readonly #turn: Int32Array<SharedArrayBuffer>;
  readonly #rounds: number;
  readonly #calls: ServiceCaller<(typeof service)['declarations']>;
  readonly #streams: readonly StreamCaller[];
  readonly #request = new Uint8Array(8);

  constructor(core: Core, heap: HeapClient, turn: Int32Array<SharedArrayBuffer>, rounds: number) {
    this.#heap = heap;
    this.#turn = turn;
    this.#rounds = rounds;
    this.#calls = connectService(core, service, { heap, deadlineMs, waiting: 'spin' });
    this.#calls.connectedSync();
    this.#streams = streamBuffers.map(({ service }) => new StreamCaller(connect(core, service, { deadlineMs, waiting: 'spin' })));
  }

  size(bytes: number, mode: SizeFigure['mode']): SizeFigure {
    using object = this.#heap.alloc(bytes);
    const shared = object.bytes;
    const own = new Uint8Array(bytes);
    const records = Array.from(
      { length: bytes / constants.LINE_BYTES },
      (_, id): BenchRecord => ({ id, x: 1.5, y: 2.5, z: 3.5 }),
    );
    const change = mode === 'rewritten';
    const byReference = (method: MethodName) => (number: number) => {
      if (change) rewrite(shared, bytes, number & 255);
      this.#callWith(object, method, bytes);
    };
    const found = this.#measure([
      { name: 'reference', turn: streamBuffers.length, call: byReference('touch') },
      { name: 'reference only', turn: streamBuffers.length, call: byReference('look') },
      ...this.#streamWays((stream, number) => {
        if (change) rewrite(own, bytes, number & 255);
        stream.send(own, 0);
      }),
      {
        name: 'serialised',
        turn: streamBuffers.length - 1,
        call: (number) => {
          if (change) for (const record of records) record.x = number & 255;
          this.#streams.at(-1)!.send(serialize(records), serialisedMessage);
        },
      },
      { name: 'reference again', turn: streamBuffers.length, call: byReference('touch') },
    ]);
    const stream = streamsOf(found);
    const [reference, referenceOnly, referenceAgain] = [
      found.get('reference')!,
      found.get('reference only')!,
      found.get('reference again')!,
    ];
    const serialised = found.get('serialised')!;
    const ratio = ratiosOf(stream, [reference, referenceAgain]);
    const ratioToSerialised = ratiosOf({ serialised }, [reference, referenceAgain]);
    return { bytes, mode, reference, referenceAgain, referenceOnly, stream, serialised, ratio, ratioToSerialised };
  }

  /** One field of a tree of 1 MiB: in place, or with the tree serialised, sent, and made again by the server. */
  edit(): EditFigure {
    using root = buildTree(this.#heap, tree);
    const serialised = new Uint8Array(leafCount * tree.leafBytes);
    const editLeaf = (number: number): void => this.#callWith(root, 'edit', (number * 617) % leafCount);
    const found = this.#measure([
      { name: 'reference', turn: streamBuffers.length, call: editLeaf },
      ...this.#streamWays((stream, number) => {
        let at = 0;
        walkTree(root, tree, ({ bytes }) => {
          serialised.set(bytes.subarray(0, tree.leafBytes), at);
          at += tree.leafBytes;
        });
        stream.send(serialised, 1 + ((number * 617) % leafCount));
      }),
      { name: 'reference again', turn: streamBuffers.length, call: editLeaf },
    ]);
    const sendWhole = streamsOf(found);
    const [inPlace, inPlaceAgain] = [found.get('reference')!, found.get('reference again')!];
    const ratio = ratiosOf(sendWhole, [inPlace, inPlaceAgain]);
    return { leaves: leafCount, leafBytes: tree.leafBytes, inPlace, inPlaceAgain, sendWhole, ratio };
  }

  close(): void {
    this.#calls.close();
    for (const stream of this.#streams) stream.close();
  }

  #callWith(object: Ref, method: MethodName, argument: number): void {
    new DataView(this.#request.buffer).setUint32(0, argument, true);
    this.#calls.callSync(method, { bytes: this.#request, refs: [object] });
  }

  #streamWays(call: (stream: StreamCaller, number: number) => void): readonly Way[] {
    return streamBuffers.map(({ service }, turn) => ({
      name: service,
      turn,
      call: (number) => call(this.#streams[turn]!, number),
    }));
  }

  /** ns per call by name: each way in turn, as often as there are rounds. */
  #measure(ways: readonly Way[]): ReadonlyMap<string, Spread> {
    const rounds = new Map<string, number[]>(ways.map(({ name }) => [name, []]));
    const times = new Map(ways.map((way) => [way.name, this.#timesOf(way)]));
    for (let round = 0; round < this.#rounds; round++) {
      for (const way of ways) rounds.get(way.name)!.push(this.#round(way, times.get(way.name)!));
    }
    return new Map([...rounds].map(([name, ns]) => [name, spreadOf(ns)]));
  }

  /** As many calls as take a fraction of a time slice: a round in which either thread had to wait for a core stands out. Everything is compiled. */
  #timesOf(way: Way): number {
    const warmUntilMs = performance.now() + warmUpMs;
    while (performance.now() < warmUntilMs) this.#round(way, 20);
    const ns = Math.min(...Array.from({ length: 5 }, () => this.#round(way, 2)));
    return Math.max(1, Math.min(1_000, Math.round(roundNs / ns)));
  }

  #round({ turn, call }: Way, times: number): number {
    Atomics.store(this.#turn, 0, turn);
    // The server has turned to it when it answers.
    call(0);
    const startedNs = process.hrtime.bigint();
    for (let number = 1; number <= times; number++) call(number);
    return Number(process.hrtime.bigint() - startedNs) / times;
  }
}

function streamsOf(found: ReadonlyMap<string, Spread>): Readonly<Record<string, Spread>> {
  return Object.fromEntries(streamBuffers.map(({ service }) => [service, found.get(service)!]));
}

function ratiosOf(streams: Readonly<Record<string, Spread>>, references: readonly Spread[]): Spread {
  const ratio = (of: (spread: Spread) => number): number =>
    Math.min(...Object.values(streams).map(of)) / Math.max(...references.map(of));
  return { medianNs: ratio(({ medianNs }) => medianNs), quietNs: ratio(({ quietNs }) => quietNs) };
}

function spreadOf(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b);
  return { medianNs: sorted[sorted.length >> 1]!, quietNs: sorted[Math.floor(sorted.length / 10)]! };
}

export const isReferenceThread = !isMainThread && (workerData as { readonly part?: string } | null)?.part === 'references';
