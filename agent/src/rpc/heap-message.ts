/** What a method of kind `heap` takes and gives: bytes, and counted references of the heap (docs/references-in-calls.md). */
import type { Ref } from '../shm/ref.ts';
import type { Payload } from './message-parts.ts';

/** The numbers are kept as types, too: `takes` references in a request, `gives` in an answer; `number` for as many as there are. */
export interface HeapPayload<Takes extends number = number, Gives extends number = number> {
  readonly kind: 'heap';
  readonly takes: Takes | undefined;
  readonly gives: Gives | undefined;
}

/**
 * References of the heap and bytes, in both directions. A request with another number of references than `takes` is REFUSED before the handler
 * sees it, an answer with another number than `gives` is FAILED.
 */
export function heap<const Takes extends number = number, const Gives extends number = number>(
  counts: { readonly takes?: Takes; readonly gives?: Gives } = {},
): HeapPayload<Takes, Gives> {
  return { kind: 'heap', takes: counts.takes, gives: counts.gives };
}

type Tuple<Count extends number, Refs extends Ref[] = []> = Refs['length'] extends Count ? Refs : Tuple<Count, [...Refs, Ref]>;
export type RefsOf<Count extends number> = number extends Count ? Ref[] : Tuple<Count>;
type Needed<Count extends number> = number extends Count ? false : Count extends 0 ? false : true;
type WithRefs<Count extends number> =
  Needed<Count> extends true ? { readonly refs: Readonly<RefsOf<Count>> } : { readonly refs?: Readonly<RefsOf<Count>> };

/**
 * `bytes` are copied, or written in place: `{ lengthBytes, write(buffer) }`; what is longer than the buffers goes as an object by itself. The server
 * gets a reference of its own on each of `refs`, the caller's stay. `move: true`: they are the server's, without counting, and dropped if the call
 * fails.
 */
export type HeapRequest<Takes extends number = number> = WithRefs<Takes> & { readonly bytes?: Payload; readonly move?: boolean };

/** What a handler sees: bytes of the pool, and refs that are dropped when it is answered. Clone what is to be kept. */
export interface HeapArguments<Takes extends number = number> {
  readonly bytes: Uint8Array;
  readonly refs: Readonly<RefsOf<Takes>>;
}

/** What a handler returns: the refs are given away, those it was given may be among them. Clone what is to be kept. */
export type HeapResult<Gives extends number = number> = WithRefs<Gives> & { readonly bytes?: Payload };

/** What the caller is answered: the refs are its own, to drop when it likes. */
export interface HeapAnswer<Gives extends number = number> {
  readonly bytes: Uint8Array;
  readonly refs: RefsOf<Gives>;
}

export function dropAll(refs: readonly Ref[]): void {
  for (const ref of refs) ref[Symbol.dispose]();
}
