/**
 * One instance of the compiled core (agent/core), bound to one thread of one process and to one mapped pool.
 *
 * `exports` is the module itself: every argument and result is a 32-bit number (or a float of 64), offsets count from the start of
 * the pool and arrive as signed numbers (`>>> 0`). Most callers want the wrappers beside this file (`pool.ts`, `gate.ts`,
 * `clock.ts`, `word.ts`, `../rpc`, `../history`), which add deadlines and errors; only those touch `exports`.
 */
import { readFileSync, writeSync } from 'node:fs';
import { crashPointNumber } from '../crash-points/index.ts';
import { constants } from '../generated/layout.ts';
import type { Passage } from '../protocol/messages.ts';
import type { CountedAccess } from './counted-access.ts';
import type { MappedPool } from './map.ts';
import { builtFile, native } from './native.ts';
import { PoolError } from './pool-error.ts';

export interface Core {
  readonly mapped: MappedPool;
  /** Which scratch block of the process this instance owns; one instance per thread. */
  readonly thread: number;
  readonly exports: CoreExports;
  /** The whole linear memory, viewed once: it never grows. */
  readonly bytes: Uint8Array<SharedArrayBuffer>;
  /** The pool alone. */
  readonly pool: Uint8Array<SharedArrayBuffer>;
}

/** Dies by SIGKILL at that passage of a crash point, after writing its last words. */
export interface ArmedCrash extends Passage {
  /** It only stands still there, by SIGSTOP, and dies at this one, once somebody has continued it: what a software-only fence takes for dead. */
  readonly until?: Passage;
}

/** The exported functions of core.wasm, documented where they are defined in agent/core. */
export interface CoreExports {
  init(
    poolBase: number,
    poolSizeBytes: number,
    historyBase: number,
    historySizeBytes: number,
    scratchBase: number,
    thread: number,
    armedPoint: number,
    armedHit: number,
  ): void;
  forget(): void;
  introduce(machine: number, process: number): void;
  /** Ends this process when it is armed with that point and this is the passage; for points that are not of the core. */
  passCrashPoint(point: number): void;

  poolState(): number;
  formatClaimantMachine(): number;
  formatClaimantProcess(): number;
  format(machine: number, process: number, deadMachine: number, deadProcess: number): number;

  join(machine: number, process: number, thread: number): number;
  selfClient(): number;
  selfIncarnation(): number;
  leave(): number;
  grantFence(client: number, incarnation: number): number;
  fenceIfOf(client: number, machine: number, process: number): number;
  fenceIfOn(client: number, machine: number): number;
  isFenced(client: number, incarnation: number): number;
  recoverClient(client: number, incarnation: number): number;
  suspectClient(client: number, incarnation: number): number;
  suspectedIncarnation(client: number): number;
  clientState(client: number): number;
  clientIncarnation(client: number): number;
  clientMachine(client: number): number;
  clientProcess(client: number): number;
  clientBeats(client: number): number;

  recordInvoke(operation: number, callLow: number, callHigh: number, valueLow: number, valueHigh: number): number;
  recordEnd(operation: number, callLow: number, callHigh: number, outcome: number, valueLow: number, valueHigh: number): number;
  recordRecovered(client: number, incarnation: number): number;

  gateForget(): void;
  gateOpen(): void;
  gateJoin(machines: number, machine: number): number;
  gateJoined(): number;
  gateArrive(machine: number): void;
  gateWait(machines: number, maxLooks: number): number;
  gateMissing(machines: number): number;
  gateFetchAdd(iterations: number): void;
  gateCompareAndSwap(iterations: number): number;
  gatePlain(iterations: number): void;
  gateTotal(which: number): number;
  gateClearCells(): void;
  gateLitmus(test: number, role: number, machine: number): number;
  gateJudge(test: number, machines: number): number;

  clockBegin(): void;
  clockServe(maxLooks: number): number;
  clockAsk(maxLooks: number): number;
  clockStop(): void;
  clockSentNs(): number;
  clockServerNs(): number;
  clockReceivedNs(): number;

  wordBegin(rounds: number): void;
  wordPing(maxLooks: number): number;
  wordStop(): void;
  wordOpen(): void;
  wordPong(maxLooks: number): number;
  wordRounds(): number;

  rpcListen(
    nameBytes: number,
    version: number,
    windowLog2: number,
    payloadBytes: number,
    layout: number,
    sharing: number,
  ): number;
  rpcConnect(nameBytes: number, version: number): number;
  rpcClose(handle: number): number;
  rpcPeerState(handle: number): number;
  rpcConnectionSlot(handle: number): number;
  rpcPayloadBytes(handle: number): number;
  rpcBegin(handle: number): number;
  rpcSend(handle: number, lengthBytes: number, kind: number): number;
  rpcForge(handle: number, offset: number, lengthBytes: number, kind: number): number;
  rpcResend(handle: number, slot: number): number;
  rpcCancel(handle: number, slot: number): number;
  rpcIsCancelled(handle: number, slot: number): number;
  rpcPoll(handle: number, slot: number, maxLooks: number): number;
  rpcPollAny(handle: number): number;
  rpcFinish(handle: number, slot: number): number;
  rpcCallBatch(handle: number, calls: number, payloadBytes: number, depth: number, maxLooks: number): number;
  rpcFinished(handle: number): number;
  rpcPollRequest(handle: number, maxLooks: number): number;
  rpcReply(handle: number, slot: number, lengthBytes: number, kind: number): number;
  rpcReplyAndPoll(handle: number, slot: number, lengthBytes: number, kind: number, maxLooks: number): number;
  rpcOffer(handle: number, calls: number): number;
  rpcServeLoop(handle: number, maxRequests: number, maxLooks: number): number;
  rpcServed(handle: number): number;
  rpcRefused(handle: number): number;

  shapeHeap(
    clientCount: number,
    pageShift: number,
    segmentShift: number,
    segmentLimit: number,
    nameCount: number,
    queueCount: number,
    queueCapacityLog2: number,
    flushPolicy: number,
    coherence: number,
  ): number;
  shmOpen(quotaSegments: number): number;
  shmAlloc(sizeBytes: number, references: number): number;
  shmDrop(root: number): number;
  shmAttach(parent: number, index: number, target: number): number;
  shmDetach(parent: number, index: number): number;
  shmChange(parent: number, index: number, target: number): number;
  shmAcquire(parent: number, index: number): number;
  shmClone(root: number): number;
  shmPayload(root: number): number;
  shmReferences(root: number): number;
  shmCount(root: number): number;
  shmRootsInUse(): number;
  shmSetName(nameBytes: number, root: number): number;
  shmSetNameOnce(nameBytes: number, root: number): number;
  shmGetName(nameBytes: number): number;
  shmOpenQueue(receiver: number, tagLow: number, tagHigh: number): number;
  shmFill(queue: number, root: number, isMove: number): number;
  shmPublish(queue: number): number;
  shmReceive(queue: number): number;
  shmWaiting(queue: number): number;
  shmFindQueues(tagLow: number, tagHigh: number, anyTag: number, first: number): number;
  shmQueueSender(queue: number): number;
  shmCloseQueue(queue: number): number;
  shmCollect(): number;
  shmHeldBytes(): number;

  kvPartition(store: number, keyLow: number, keyHigh: number): number;
  kvClaim(store: number, partition: number): number;
  kvYield(store: number, partition: number): number;
  kvGet(store: number, keyLow: number, keyHigh: number): number;
  kvValueBytes(node: number): number;
  kvRelease(): number;
  kvPut(store: number, root: number, keyLow: number, keyHigh: number, valueBytes: number): number;
  kvDelete(store: number, keyLow: number, keyHigh: number): number;

  lockOpen(maxLooks: number): number;
  lockAlloc(slot: number, maxLooks: number): number;
  lockAttach(slot: number, block: number, maxLooks: number): number;
  lockDetach(slot: number, maxLooks: number): number;
  lockDrop(client: number, maxLooks: number): number;
  lockHolder(): number;
  lockBlockAt(client: number, slot: number): number;
  lockCount(block: number): number;
  lockPayload(block: number): number;

  naiveClear(): void;
  naiveAlloc(order: number, slot: number): number;
  naiveAttach(order: number, slot: number, block: number): number;
  naiveDetach(order: number, slot: number): number;
  naiveRecover(order: number, client: number, incarnation: number): number;
  naiveBlockAt(client: number, slot: number): number;
  naiveCount(block: number): number;
}

/** One instance per thread; `thread` from 0, unique in the process, below 16. Throws PoolError: CORE_MISSING, UNKNOWN_CRASH_POINT. */
export interface CoreOptions {
  readonly thread: number;
  readonly crash?: ArmedCrash;
  /** Takes the traced core, whose every access comes by here. */
  readonly door?: CountedAccess;
  /** Instead of ending this process. */
  readonly onBroken?: (invariant: number) => never;
}

export function instantiateCore(mapped: MappedPool, options: CoreOptions): Core {
  const { thread } = options;
  if (!Number.isInteger(thread) || thread < 0 || thread >= constants.THREAD_LIMIT) {
    throw new RangeError(`thread ${thread} is not from 0 to ${constants.THREAD_LIMIT - 1}`);
  }
  const { die, flush, monotonicNs, prefetch, stop, storeNonTemporal, writeBack } = native();
  const bytes = new Uint8Array(mapped.memory.buffer);
  const { door, crash } = options;
  let resumesUntil = crash?.until;
  const instance = new WebAssembly.Instance(compiledCore(door === undefined ? 'core.wasm' : 'core-traced.wasm'), {
    env: { memory: mapped.memory },
    ...(door === undefined ? {} : { simulator: { ...door.imports } }),
    host: {
      monotonicNs,
      died: () => {
        const until = resumesUntil;
        if (until === undefined) return die();
        resumesUntil = undefined;
        stop();
        return arm(core, until);
      },
      writeBack: (address: number) => writeBack(bytes, (address >>> 6) * constants.LINE_BYTES, constants.LINE_BYTES),
      storeThrough: (to: number, from: number, sizeBytes: number) =>
        storeNonTemporal(bytes, to >>> 0, bytes, from >>> 0, sizeBytes),
      // The addon's write-back and its non-temporal stores end with an sfence of their own.
      storeFence: () => {},
      invalidate: (address: number) => flush(bytes, (address >>> 6) * constants.LINE_BYTES, constants.LINE_BYTES),
      prefetch: (address: number) => prefetch(bytes, address >>> 0),
      // The addon's flush ends with an mfence of its own.
      fullFence: () => {},
      broken(invariant: number): never {
        if (options.onBroken !== undefined) return options.onBroken(invariant);
        // At once: whoever looks for the reason of this end looks when it is seen.
        writeSync(2, `cxlpod core: worker ${process.pid}: invariant ${invariant} does not hold; this worker ends\n`);
        return die();
      },
    },
  });
  const pool = new Uint8Array(mapped.memory.buffer, mapped.poolBase, mapped.poolSizeBytes);
  const core: Core = { mapped, thread, exports: instance.exports as unknown as CoreExports, bytes, pool };
  arm(core, crash);
  return core;
}

/** Arms another crash point, or none, and counts passages from here on. Throws PoolError UNKNOWN_CRASH_POINT. */
export function arm(core: Core, crash?: ArmedCrash): void {
  const { mapped, thread } = core;
  const point = crash === undefined ? 0 : crashPointNumber(crash.point);
  if (point === undefined) {
    throw new PoolError('UNKNOWN_CRASH_POINT', `there is no crash point "${crash?.point}"`, {
      hint: 'docs/crash-points.md lists them',
    });
  }
  core.exports.init(
    mapped.poolBase,
    mapped.poolSizeBytes,
    mapped.historyBase,
    mapped.historySizeBytes,
    mapped.scratchBase,
    thread,
    point,
    crash?.hit ?? 0,
  );
}

const modules = new Map<string, WebAssembly.Module>();

function compiledCore(file: string): WebAssembly.Module {
  const known = modules.get(file);
  if (known !== undefined) return known;
  const path = builtFile(file);
  if (path === undefined) {
    throw new PoolError('CORE_MISSING', `${file} is not where the agent is`, {
      hint: 'run `node infra/build.mjs`; on a machine of a pod, deploy the agent again',
    });
  }
  const module = new WebAssembly.Module(readFileSync(path));
  modules.set(file, module);
  return module;
}
