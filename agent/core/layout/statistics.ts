// What was called how often, and how long it took. For observers; nobody decides by these numbers. One part for each place of the connection
// table, written with plain stores by the two sides of that connection, each into lines of its own. Counts are f64: whole up to 2^53.

/** Line 0 of a connection's part. Written by the server when it begins to listen. */
@unmanaged
export class StatisticsHead {
  /** Of the connection's word; 0, or another than the word's, for figures of an earlier use. Published after the rest was cleared. */
  epoch: u32;
  /** One of so many calls was timed. */
  timedOneOf: u32;
  nameHash: u64;
  reserved0: u64;
  reserved1: u64;
  reserved2: u64;
  reserved3: u64;
  reserved4: u64;
  reserved5: u64;
}

/** Line 1 of a connection's part. Written by the caller, who clears it when it connects. */
@unmanaged
export class CallerCounts {
  /** Of the connection's word; 0, or another than the word's, for counts of an earlier use. Published after the rest was cleared. */
  epoch: u32;
  reserved0: u32;
  sent: f64;
  /** Calls that the caller is done with: those in flight are the rest of what was sent. */
  finished: f64;
  resent: f64;
  /** Calls whose deadline passed before their response came. */
  late: f64;
  reserved1: u64;
  reserved2: u64;
  reserved3: u64;
}

/** One for each method: this line, and the next, full of buckets. Written by the server. */
@unmanaged
export class MethodCounts {
  /** Calls that ended, in any way. */
  calls: f64;
  /** Of these: FAILED, TOO_LARGE, UNKNOWN_METHOD. */
  failed: f64;
  refused: f64;
  /** Longer in the handler than the method's time budget. */
  overruns: f64;
  /** Time in the handler of the calls that were timed. */
  totalNs: f64;
  /** The first of METHOD_BUCKET_COUNT buckets of u32 that follow each other: see METHOD_FIRST_BUCKET_LOG2. */
  bucket0: u32;
  bucket1: u32;
  bucket2: u32;
  bucket3: u32;
  bucket4: u32;
  bucket5: u32;
}

export const STATISTICS_CALLER_LINE: u32 = 64;
/** The methods' names, in zero-padded UTF-8, cut off where they are too long. Empty for a method without one. */
export const STATISTICS_NAMES_OFFSET: u32 = 128;
export const METHOD_NAME_BYTES: u32 = 16;
export const STATISTICS_METHODS_OFFSET: u32 = 640;
export const METHOD_COUNTS_BYTES: u32 = 128;
export const METHOD_COUNTS_LIMIT: u32 = 32;
/** Bucket 0 counts calls below 2 ^ (this + 1) ns, bucket i those from 2 ^ (this + i) ns, the last one all that took longer. */
export const METHOD_FIRST_BUCKET_LOG2: u32 = 6;
export const METHOD_BUCKET_COUNT: u32 = 22;
