// Where everything lies in the pool. Offsets count from the first byte of the pool.

export const LINE_BYTES: u32 = 64;

export const SUPERBLOCK_OFFSET: u32 = 0;
export const REGION_TABLE_OFFSET: u32 = 1024;
export const REGION_LIMIT: u32 = 16;

/** Clients of the heap, at most: rows of its era matrix. */
export const HEAP_CLIENT_LIMIT: u32 = 256;
/** `HeapShape`, then the line of `HazardUsers`. */
export const HEAP_SHAPE_OFFSET: u32 = 2048;
export const HAZARD_USERS_OFFSET: u32 = 2176;

export const CLIENT_TABLE_OFFSET: u32 = 4096;
export const CLIENT_COUNT: u32 = 260;
/** The last places are kept for who recovers others: a full table must not keep the dead from being recovered. */
export const RECOVERER_COUNT: u32 = 4;
/** Four lines, each with one writer: state, owner, heartbeat, fence. */
export const CLIENT_BYTES: u32 = 256;

export const DIRECTORY_OFFSET: u32 = 73728;
export const DIRECTORY_COUNT: u32 = 32;
export const DIRECTORY_ENTRY_BYTES: u32 = 128;
export const NAME_LIMIT_BYTES: u32 = 64;

export const CLOCK_OFFSET: u32 = 77824;
export const CLOCK_BYTES: u32 = 4096;

export const WORD_OFFSET: u32 = 81920;
export const WORD_BYTES: u32 = 4096;

export const GATE_OFFSET: u32 = 86016;
export const GATE_BYTES: u32 = 98304;

export const CONNECTIONS_OFFSET: u32 = 184320;
export const CONNECTION_COUNT: u32 = 32;
export const CONNECTION_BYTES: u32 = 40960;

/** The heaps that CXL-SHM is compared with. */
export const BASELINE_OFFSET: u32 = 1495040;
export const BASELINE_BYTES: u32 = 81920;

/** What was called how often: a part for each connection. */
export const STATISTICS_OFFSET: u32 = 1576960;
export const STATISTICS_CONNECTION_BYTES: u32 = 4736;

/** Everything below is described here. */
export const CONTROL_BYTES: u32 = 1728512;
/** Behind the control part: the ring of the C floor, then the heap (`HeapShape`). */
export const FLOOR_BYTES: u32 = 65536;
export const POOL_LEAST_BYTES: u32 = 2097152;

export const REGION_CLIENT_TABLE: u32 = 1;
export const REGION_DIRECTORY: u32 = 2;
export const REGION_CLOCK: u32 = 3;
export const REGION_WORD: u32 = 4;
export const REGION_GATE: u32 = 5;
export const REGION_CONNECTIONS: u32 = 6;
export const REGION_BASELINE: u32 = 7;
export const REGION_STATISTICS: u32 = 8;
export const REGION_FLOOR: u32 = 9;
export const REGION_HEAP: u32 = 10;
export const REGION_COUNT: u32 = 10;
