/** What a store refuses, beside what the heap does (HeapError): what failed, what to try, a stable `code`. Whatever is refused has changed nothing. */
export type KvErrorCode =
  /** No store has this name, and no shape was given to make one. */
  | 'NO_STORE'
  /** The name holds a store of another shape, or something else. */
  | 'OTHER_STORE'
  /** Partitions or buckets that cannot be. */
  | 'BAD_SHAPE'
  /** No integer from 0 to 2^64 - 1; as a number, to 2^53 - 1. */
  | 'BAD_KEY'
  /** The store has no such partition. */
  | 'BAD_PARTITION'
  /** This client did not claim the key's partition. */
  | 'NOT_WRITER'
  /** One value is looked at at a time. */
  | 'NESTED_READ'
  /** The writer changed the bucket again and again while it was read. */
  | 'UNSETTLED'
  | 'STORE_CLOSED';

export class KvError extends Error {
  override readonly name = 'KvError';
  readonly code: KvErrorCode;
  readonly hint: string | undefined;

  constructor(code: KvErrorCode, message: string, hint?: string) {
    super(message);
    this.code = code;
    this.hint = hint;
  }
}
