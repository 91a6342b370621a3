// What exported functions answer. Zero is the good end; a refusal is a value, never a trap.

export const OK: i32 = 0;
/** Nothing yet, within the spins that were given. */
export const PENDING: i32 = 1;
/** The process was told to stop (abort word). */
export const ABORTED: i32 = 2;
/** The other side hung up. */
export const CLOSED: i32 = 3;
/** The other side is fenced; nothing of ours was in flight. */
export const PEER_LOST: i32 = 4;
/** The other side is fenced and a published call was never answered. */
export const OUTCOME_UNKNOWN: i32 = 5;
/** The server did not accept the request. */
export const REFUSED: i32 = 6;
/** No free slot, entry or handle. */
export const FULL: i32 = 7;
/** Nobody listens. */
export const NOT_FOUND: i32 = 8;
/** As many calls are in flight as the window allows. */
export const BUSY: i32 = 9;
export const BAD_ARGUMENT: i32 = 10;
/** This thread has not joined the pool. */
export const NOT_JOINED: i32 = 11;
/** Done before, by somebody else. */
export const ALREADY: i32 = 12;
/** Somebody else is at it. */
export const IN_PROGRESS: i32 = 13;
/** The first line holds something that is no superblock. */
export const NOT_BLANK: i32 = 14;
/** Recovery needs a fence grant first. */
export const NOT_FENCED: i32 = 15;
/** An echo came back different. */
export const CORRUPT: i32 = 16;
/** The gate's session was replaced by a newer one. */
export const STALE: i32 = 17;

/** The lock of the baseline heap did not come free within the looks that were given. */
export const BLOCKED: i32 = 60;
/** The baseline heap was not opened by this incarnation, or not prepared. */
export const BASELINE_NOT_OPEN: i32 = 61;
/** The slot holds a reference already. */
export const BASELINE_SLOT_TAKEN: i32 = 62;
/** The slot holds no reference. */
export const BASELINE_SLOT_EMPTY: i32 = 63;
/** The heap has no memory for this. */
export const HEAP_FULL: i32 = 18;
/** The client holds as much memory as it may. */
export const QUOTA: i32 = 19;
/** One more reference would not fit into the object's count. */
export const COUNT_FULL: i32 = 20;
/** The object is gone. */
export const GONE: i32 = 21;
/** The slot holds a reference already. */
export const OCCUPIED: i32 = 22;
/** The slot holds no reference. */
export const EMPTY: i32 = 23;
/** This client is fenced: somebody saw its end. */
export const FENCED: i32 = 24;
/** The client's eras are used up; its id is retired. */
export const RETIRED: i32 = 25;
/** The pool was formatted without a heap. */
export const NO_HEAP: i32 = 26;
/** The device gives no compare-and-swap between machines. */
export const NOT_COHERENT: i32 = 27;
/** An offset from the pool that no object can have. */
export const BAD_OFFSET: i32 = 28;
/** The handler of the call threw; the response says what. */
export const FAILED: i32 = 29;
/** The service has no such method. */
export const UNKNOWN_METHOD: i32 = 30;
/** The response does not fit into the buffers of the connection. */
export const TOO_LARGE: i32 = 31;
/** The service listens in another version only. */
export const WRONG_VERSION: i32 = 32;
/** An answer from here on is an offset, not a code. */
export const CODE_LIMIT: i32 = 64;
