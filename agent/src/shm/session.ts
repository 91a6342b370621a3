/** What the refs and queues of one open heap share: the thread's core, where things lie, and who is watched for leaks. */
import { codes, constants, layout } from '../layout/index.ts';
import type { Core, CoreExports } from '../pool/core.ts';
import { HeapError, heapError, type MemoryNumbers } from './heap-error.ts';
import { LeakWatch } from './leak-watch.ts';

export type LeakReports = 'off' | 'sampled' | 'all';

export class Session {
  readonly core: Core;
  readonly leaks: LeakWatch;
  /** Counts down to the next ref that is watched. */
  untilWatched: number;
  readonly segmentBytes: number;
  readonly segmentCount: number;
  readonly quotaBytes: number;
  /** References that a queue holds at once, at most. */
  readonly queueCapacity: number;
  /** Answers every call NOT_JOINED once the heap is closed: so that a call that is not refused pays for no look. */
  exports: HeapCalls;
  readonly #numbers: Uint32Array<SharedArrayBuffer>;
  readonly #pageBytes: number;
  readonly #segmentsOffset: number;
  readonly #segmentTableOffset: number;
  readonly #segmentEntryBytes: number;

  constructor(core: Core, quotaSegments: number, leakReports: LeakReports) {
    this.core = core;
    this.exports = core.exports;
    this.leaks = new LeakWatch(leakReports, (root) => this.exports.shmDrop(root));
    this.untilWatched = this.leaks.interval;
    this.#numbers = new Uint32Array(core.pool.buffer, core.pool.byteOffset, core.pool.length >>> 2);
    this.segmentBytes = segmentBytesOf(core);
    this.quotaBytes = quotaSegments * this.segmentBytes;
    this.segmentCount = shapeField(core, 'segmentCount');
    this.queueCapacity = 2 ** shapeField(core, 'queueCapacityLog2');
    this.#pageBytes = 2 ** shapeField(core, 'pageShift');
    this.#segmentsOffset = shapeField(core, 'segmentsOffset');
    this.#segmentTableOffset = shapeField(core, 'segmentTableOffset');
    this.#segmentEntryBytes = shapeField(core, 'segmentEntryBytes');
  }

  get isOpen(): boolean {
    return this.exports !== closedCalls;
  }

  close(): void {
    this.exports = closedCalls;
    this.leaks.end();
  }

  /** Bytes of the block of a live object, header included, from the word of its page, which stands as long as the object lives. */
  blockBytes(object: number): number {
    const inHeap = object - this.#segmentsOffset;
    const segment = Math.floor(inHeap / this.segmentBytes);
    const page = Math.floor((inHeap % this.segmentBytes) / this.#pageBytes);
    const entry =
      this.#segmentTableOffset +
      segment * this.#segmentEntryBytes +
      constants.SEGMENT_PAGES_OFFSET +
      page * constants.PAGE_ENTRY_BYTES;
    return this.#numbers[(entry + layout.PageEntry.word.offset + 4) >>> 2] ?? 0;
  }

  /** The error for a code of the core; `what` is the sentence's subject. */
  refusal(what: string, code: number): HeapError {
    if (!this.isOpen) {
      return new HeapError('HEAP_CLOSED', `${what} was tried after the heap was closed`, {
        hint: 'everything this client held was dropped when it closed',
      });
    }
    if (code === codes.HEAP_FULL || code === codes.QUOTA) return this.noMemory(what, 0, code);
    return heapError(what, code);
  }

  /** `askedBytes` 0: for a root, of which a page holds many. */
  noMemory(what: string, askedBytes: number, code: number): HeapError {
    const numbers: MemoryNumbers = {
      askedBytes,
      heldBytes: this.exports.shmHeldBytes(),
      quotaBytes: this.quotaBytes,
      heapBytes: this.segmentCount * this.segmentBytes,
    };
    const asked = Math.ceil(askedBytes / this.segmentBytes) * this.segmentBytes;
    const isQuota = code === codes.QUOTA || (this.quotaBytes > 0 && numbers.heldBytes + asked > this.quotaBytes);
    const held = `this client holds ${numbers.heldBytes} bytes`;
    return isQuota
      ? new HeapError('QUOTA', `${what} would exceed the quota: ${held} of ${this.quotaBytes}`, {
          numbers,
          hint: 'drop what is not needed, then `collect()`; or open the heap with a larger `quotaBytes`',
        })
      : new HeapError('HEAP_FULL', `${what} found no memory: ${held} of the ${numbers.heapBytes} that all share`, {
          numbers,
          hint: 'drop what is not needed, here or elsewhere, then `collect()`; a client holds whole segments, so smaller ones waste less',
        });
  }
}

/** The calls of the core that a closed heap refuses. */
export type HeapCalls = Pick<CoreExports, (typeof heapCalls)[number]>;

const heapCalls = [
  'shmAlloc',
  'shmDrop',
  'shmAttach',
  'shmDetach',
  'shmChange',
  'shmAcquire',
  'shmPayload',
  'shmReferences',
  'shmCount',
  'shmRootsInUse',
  'shmSetName',
  'shmGetName',
  'shmOpenQueue',
  'shmFill',
  'shmPublish',
  'shmReceive',
  'shmWaiting',
  'shmFindQueues',
  'shmQueueSender',
  'shmCloseQueue',
  'shmCollect',
  'shmHeldBytes',
  'shmSetNameOnce',
  'kvPartition',
  'kvClaim',
  'kvYield',
  'kvGet',
  'kvValueBytes',
  'kvRelease',
  'kvPut',
  'kvDelete',
] as const satisfies readonly (keyof CoreExports)[];

const closedCalls = Object.fromEntries(heapCalls.map((name) => [name, () => codes.NOT_JOINED])) as unknown as HeapCalls;

function shapeField(core: Core, name: Exclude<keyof typeof layout.HeapShape, 'classBytes'>): number {
  const at = core.pool.byteOffset + constants.HEAP_SHAPE_OFFSET + layout.HeapShape[name].offset;
  return new DataView(core.pool.buffer, at, 4).getUint32(0, true);
}

/** 0 in a pool without a heap. */
export function segmentBytesOf(core: Core): number {
  return shapeField(core, 'segmentCount') === 0 ? 0 : 2 ** shapeField(core, 'segmentShift');
}

/** Address of this thread's scratch block in the linear memory. */
export function threadScratchAt(core: Core): number {
  return core.mapped.scratchBase + constants.SCRATCH_THREADS_OFFSET + core.thread * constants.SCRATCH_THREAD_BYTES;
}

/** Hands a name over to the core. Its length in bytes, 1 to 64. Throws HeapError BAD_NAME. */
export function handOverName(core: Core, name: string): number {
  const bytes = new TextEncoder().encode(name);
  if (bytes.length === 0 || bytes.length > constants.NAME_LIMIT_BYTES) {
    throw new HeapError('BAD_NAME', `"${name}" has ${bytes.length} bytes`, {
      hint: `a name has 1 to ${constants.NAME_LIMIT_BYTES} bytes of UTF-8`,
    });
  }
  const at = threadScratchAt(core) + constants.SCRATCH_NAME_OFFSET;
  core.bytes.fill(0, at, at + constants.NAME_LIMIT_BYTES);
  core.bytes.set(bytes, at);
  return bytes.length;
}
