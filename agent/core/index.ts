// What the core exports. Rules: design of the core in ARCHITECTURE.md; no 64-bit number in any signature.

import { keep32 } from './memory/memory';
import { settle, threadBase } from './place/place';
import { SCRATCH_THREAD_BYTES, SCRATCH_THREADS_OFFSET, ThreadScratch } from './layout/scratch';

/** Binds this instance to the mapping and to one thread's scratch block. Again, to arm another crash point. */
export function init(
  poolBase: usize,
  poolSizeBytes: u32,
  historyBase: usize,
  historySizeBytes: u32,
  scratchBase: usize,
  thread: u32,
  armedPoint: i32,
  armedHit: u32,
): void {
  const block: usize = scratchBase + SCRATCH_THREADS_OFFSET + thread * SCRATCH_THREAD_BYTES;
  settle(poolBase, poolSizeBytes, historyBase, historySizeBytes, scratchBase, block, armedPoint);
  keep32(threadBase + offsetof<ThreadScratch>("thread"), thread);
  keep32(threadBase + offsetof<ThreadScratch>("hits"), 0);
  keep32(threadBase + offsetof<ThreadScratch>("armedHit"), armedHit);
}

/** For a thread that takes the place of one that is dead: nothing of what that one was counts any more. */
export function forget(): void {
  for (let at: u32 = 0; at < SCRATCH_THREAD_BYTES; at += 4) keep32(threadBase + at, 0);
}

/** Who this thread is before it joins, for last words on the way. */
export function introduce(machine: u32, process: u32): void {
  keep32(threadBase + offsetof<ThreadScratch>("machine"), machine);
  keep32(threadBase + offsetof<ThreadScratch>("process"), process);
}

export { formatClaimantMachine, formatClaimantProcess, format, poolState } from './format/format';
export {
  clientBeats,
  clientIncarnation,
  clientMachine,
  clientProcess,
  clientState,
  fenceIfOf,
  fenceIfOn,
  grantFence,
  isFenced,
  join,
  leave,
  recoverClient,
  selfClient,
  selfIncarnation,
  suspectClient,
  suspectedIncarnation,
} from './client-table/client-table';
export { crashPoint as passCrashPoint } from './crash-points/crash-point';
export { recordEnd, recordInvoke, recordRecovered } from './history/history';
export {
  gateArrive,
  gateCompareAndSwap,
  gateFetchAdd,
  gateForget,
  gateJoin,
  gateJoined,
  gateMissing,
  gateOpen,
  gatePlain,
  gateTotal,
  gateWait,
} from './gate/gate';
export { gateClearCells, gateJudge, gateLitmus } from './gate/litmus';
export { clockAsk, clockBegin, clockReceivedNs, clockSentNs, clockServe, clockServerNs, clockStop } from './clock/clock';
export { wordBegin, wordOpen, wordPing, wordPong, wordRounds, wordStop } from './word/word';
export { rpcClose, rpcConnect, rpcConnectionSlot, rpcListen, rpcPayloadBytes, rpcPeerState } from './rpc/connect';
export {
  rpcBegin,
  rpcCallBatch,
  rpcFinish,
  rpcFinished,
  rpcForge,
  rpcPoll,
  rpcPollAny,
  rpcCancel,
  rpcResend,
  rpcSend,
} from './rpc/call';
export {
  rpcOffer,
  rpcPollRequest,
  rpcRefused,
  rpcReply,
  rpcIsCancelled,
  rpcReplyAndPoll,
  rpcServed,
  rpcServeLoop,
} from './rpc/serve';
export { lockHolder } from './baselines/lock';
export {
  lockAlloc,
  lockAttach,
  lockBlockAt,
  lockCount,
  lockDetach,
  lockDrop,
  lockOpen,
  lockPayload,
} from './baselines/lock-heap';
export {
  naiveAlloc,
  naiveAttach,
  naiveBlockAt,
  naiveClear,
  naiveCount,
  naiveDetach,
  naiveRecover,
} from './baselines/naive-counting';
export { shapeHeap } from './shm/shape';
export { shmOpen } from './shm/open';
export { shmAlloc, shmDrop } from './shm/allocate';
export { shmAcquire, shmAttach, shmChange, shmClone, shmCount, shmDetach, shmPayload, shmReferences, shmRootsInUse } from './shm/object';
export { shmGetName, shmSetName, shmSetNameOnce } from './shm/named-root';
export {
  shmCloseQueue,
  shmFill,
  shmFindQueues,
  shmOpenQueue,
  shmPublish,
  shmQueueSender,
  shmReceive,
  shmWaiting,
} from './shm/queue';
export { shmCollect, shmHeldBytes } from './shm/collect';
export { kvClaim, kvPartition, kvYield } from './kv/partition';
export { kvGet, kvRelease, kvValueBytes } from './kv/read';
export { kvDelete, kvPut } from './kv/write';
