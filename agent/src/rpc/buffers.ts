/** One direction's buffers of a connection, as views of the pool: made when their length changes, so that calls of one size allocate nothing. */
import { constants, layout } from '../layout/index.ts';
import type { Core } from '../pool/core.ts';
import type { ClientIdentity } from '../protocol/messages.ts';

export class Buffers {
  readonly #core: Core;
  readonly #firstOffset: number;
  readonly #strideBytes: number;
  readonly #views: Uint8Array[];
  /** Of the bytes that `write` copied last and had no view for. */
  #lastLength = -1;

  /** `arenaOffset`: of the direction's first buffer, counted from the start of the pool. */
  constructor(core: Core, arenaOffset: number, window: number, payloadBytes: number) {
    this.#core = core;
    this.#firstOffset = arenaOffset + constants.HEADER_BYTES;
    this.#strideBytes = constants.HEADER_BYTES + Math.ceil(payloadBytes / constants.LINE_BYTES) * constants.LINE_BYTES;
    this.#views = Array.from({ length: window }, (_, slot) => this.#make(this.payloadOffset(slot), payloadBytes));
  }

  payloadOffset(slot: number): number {
    return this.#firstOffset + slot * this.#strideBytes;
  }

  /** The first `lengthBytes` of a slot's payload. Valid until the slot is used again. */
  view(slot: number, lengthBytes: number): Uint8Array {
    const known = this.#views[slot]!;
    if (known.length === lengthBytes) return known;
    const view = this.#make(this.payloadOffset(slot), lengthBytes);
    this.#views[slot] = view;
    return view;
  }

  /** Copies `bytes`, which fit, into the slot's payload. A view of their length is twice as fast as an offset, and is made for lengths that come twice in a row. */
  write(slot: number, bytes: Uint8Array): void {
    const known = this.#views[slot]!;
    if (known.length === bytes.length) {
      known.set(bytes);
      return;
    }
    this.#core.pool.set(bytes, this.payloadOffset(slot));
    if (this.#lastLength === bytes.length) this.#views[slot] = this.#make(this.payloadOffset(slot), bytes.length);
    this.#lastLength = bytes.length;
  }

  /** The slot's line for a header, before its payload. */
  header(slot: number): Uint8Array {
    return this.#make(this.payloadOffset(slot) - constants.HEADER_BYTES, constants.HEADER_BYTES);
  }

  #make(offset: number, lengthBytes: number): Uint8Array {
    return this.#core.pool.subarray(offset, offset + lengthBytes);
  }
}

// Places in a handle's block, as words.
const messageOffset = layout.Handle.messageOffset.offset / 4;
const messageBytes = layout.Handle.messageBytes.offset / 4;
const messageKind = layout.Handle.messageKind.offset / 4;
const windowLog2 = layout.Handle.windowLog2.offset / 4;
const epoch = layout.Handle.epoch.offset / 4;
const peerPlusOne = layout.Handle.peerPlusOne.offset / 4;
const peerIncarnation = layout.Handle.peerIncarnation.offset / 4;
const next = layout.Handle.next.offset / 4;
const sharing = layout.Handle.sharing.offset / 4;

/** What the core says of the message that a handle received last; read from the thread's scratch, so that it costs no call. */
export class LastMessage {
  readonly #words: Uint32Array;

  constructor(core: Core, handle: number) {
    const thread = core.mapped.scratchBase + constants.SCRATCH_THREADS_OFFSET + core.thread * constants.SCRATCH_THREAD_BYTES;
    const at = thread + constants.SCRATCH_HANDLES_OFFSET + handle * constants.HANDLE_BYTES;
    this.#words = new Uint32Array(core.bytes.buffer, at, constants.HANDLE_BYTES / 4);
  }

  get offset(): number {
    return this.#words[messageOffset]!;
  }

  get lengthBytes(): number {
    return this.#words[messageBytes]!;
  }

  /** Method of a request, status of a response, and `KIND_HEADER`. */
  get kind(): number {
    return this.#words[messageKind]!;
  }

  get window(): number {
    return 2 ** this.#words[windowLog2]!;
  }

  /** Whether the machines' caches are coherent, as the server says. */
  get isCoherent(): boolean {
    return this.#words[sharing] === constants.SHARING_COHERENT;
  }

  /** Whether the other side is known: of a server, whether it has met its caller. */
  get isPeerKnown(): boolean {
    return this.#words[peerPlusOne] !== 0;
  }

  /** Which use of its place in the connection table the connection is. */
  get epoch(): number {
    return this.#words[epoch]!;
  }

  /** The client at the other side; undefined while it is unknown. */
  get other(): ClientIdentity | undefined {
    const idPlusOne = this.#words[peerPlusOne]!;
    return idPlusOne === 0 ? undefined : { id: idPlusOne - 1, incarnation: this.#words[peerIncarnation]! };
  }

  /** Number of the next call to send or to receive, its low 32 bits. */
  get next(): number {
    return this.#words[next]!;
  }
}
