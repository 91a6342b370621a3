/**
 * One instance of the compiled core (agent/core), bound to one thread of one process and to one mapped pool.
 *
 * `exports` is the module itself: every argument and result is a 32-bit number, offsets count from the start of the pool and
 * are unsigned. Most callers want the wrappers beside this file (`pool.ts`, `gate.ts`, `clock.ts`, `word.ts`, `../rpc`,
 * `../history`), which add deadlines and errors; only those touch `exports`.
 */
import type { MappedPool } from './map.ts';

export interface Core {
  readonly mapped: MappedPool;
  /** Which scratch block of the process this instance owns; one instance per thread. */
  readonly thread: number;
  readonly exports: CoreExports;
  /** Byte views over the whole linear memory, made once: views of a shared memory that never grows stay valid. */
  readonly bytes: Uint8Array;
  readonly view: DataView;
}

/** Dies by SIGKILL at the `hit`-th passage (from 1) of the crash point called `point`, after writing its last words. */
export interface ArmedCrash {
  readonly point: string;
  readonly hit: number;
}

/** The exported functions of core.wasm. Codes are listed in agent/core/codes; `generated/layout.ts` carries their values. */
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

  poolState(): number;
  formatClaimantMachine(): number;
  formatClaimantProcess(): number;
  format(machine: number, process: number, deadMachine: number, deadProcess: number): number;

  join(machine: number, process: number): number;
  selfClient(): number;
  selfIncarnation(): number;
  leave(): number;
  grantFence(client: number, incarnation: number): number;
  isFenced(client: number, incarnation: number): number;
  recoverClient(client: number, incarnation: number): number;
  clientState(client: number): number;
  clientIncarnation(client: number): number;

  recordInvoke(operation: number, callLow: number, callHigh: number, argumentLow: number, argumentHigh: number): number;
  recordEnd(
    operation: number,
    callLow: number,
    callHigh: number,
    outcome: number,
    resultLow: number,
    resultHigh: number,
  ): number;

  gateOpen(machines: number): number;
  gateJoin(machines: number, machine: number): number;
  gateArrive(machines: number, machine: number): void;
  gateWait(machines: number, machine: number, maxSpins: number): number;
  gateClearCells(): void;
  gateCount(machine: number, iterations: number): void;
  gateCasWon(machine: number): number;
  gateCasLost(machine: number): number;
  gateTotal(which: number): number;
  gateLitmus(test: number, role: number, machine: number, machines: number): number;
  gateJudge(test: number): number;

  clockServe(maxSpins: number): number;
  clockAsk(maxSpins: number): number;
  clockStop(): void;
  clockReset(): void;

  wordPing(rounds: number, maxSpins: number): number;
  wordPong(maxSpins: number): number;
  wordStop(): void;

  rpcListen(nameBytes: number, capacityLog2: number, payloadBytes: number): number;
  rpcConnect(nameBytes: number): number;
  rpcClose(handle: number): number;
  rpcPeerState(handle: number): number;
  rpcConnectionSlot(handle: number): number;
  rpcPayloadBytes(handle: number): number;
  rpcBeginCall(handle: number): number;
  rpcPublish(handle: number, length: number): number;
  rpcPollResponse(handle: number, maxSpins: number): number;
  rpcResponseOffset(handle: number): number;
  rpcResponseLength(handle: number): number;
  rpcFinishCall(handle: number): void;
  rpcPollRequest(handle: number, maxSpins: number): number;
  rpcRequestOffset(handle: number): number;
  rpcRequestLength(handle: number): number;
  rpcResponseBuffer(handle: number): number;
  rpcReply(handle: number, length: number, status: number): number;
  rpcServed(handle: number): number;
  rpcRefused(handle: number): number;
  rpcServeLoop(handle: number, maxRequests: number, maxSpins: number): number;
  rpcCallBatch(handle: number, calls: number, payloadBytes: number, maxSpins: number): number;
  rpcForge(handle: number, offsetLow: number, offsetHigh: number, length: number): number;
}
