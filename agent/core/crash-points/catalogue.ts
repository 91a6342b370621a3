// Every named gap between two steps of a lock-free operation. The comment's first word is the name that scenarios use, the rest
// says what has happened and what has not. TypeScript's copy and docs/crash-points.md are generated from this file.

/** pool/format/after-claim: The formatter's claim stands; nothing else is written. */
export const FORMAT_AFTER_CLAIM: i32 = 1;
/** pool/format/after-regions: The region table is written; client table and connections are not cleared. */
export const FORMAT_AFTER_REGIONS: i32 = 2;
/** pool/format/after-clear: The control words are cleared; the history has no header. */
export const FORMAT_AFTER_CLEAR: i32 = 3;
/** pool/format/after-history: The history is ready; the superblock says nothing yet. */
export const FORMAT_AFTER_HISTORY: i32 = 4;
/** pool/format/after-describe: Everything is written; the publication is missing. */
export const FORMAT_AFTER_DESCRIBE: i32 = 5;
/** pool/format/after-commit: The pool is formatted; the formatter does not know. */
export const FORMAT_AFTER_COMMIT: i32 = 6;
/** pool/format/after-heap: The heap has its shape and empty tables; the history has no header. */
export const FORMAT_AFTER_HEAP: i32 = 7;

/** pool/join/after-claim: The slot is claimed, its lines are still those of the occupant before. */
export const JOIN_AFTER_CLAIM: i32 = 10;
/** pool/join/after-describe: The lines are this client's; it is not joined yet. */
export const JOIN_AFTER_DESCRIBE: i32 = 11;
/** pool/join/after-commit: The client is joined; its process does not know. */
export const JOIN_AFTER_COMMIT: i32 = 12;
/** pool/leave/after-connections: Its connections are closed; the slot is still taken. */
export const LEAVE_AFTER_CONNECTIONS: i32 = 13;
/** pool/leave/after-commit: The slot is free; the process does not know. */
export const LEAVE_AFTER_COMMIT: i32 = 14;
/** pool/fence/after-commit: The fence grant stands; the fencer does not know. */
export const FENCE_AFTER_COMMIT: i32 = 15;
/** pool/recover/after-check: The fence was seen; nothing is recovered. */
export const RECOVER_AFTER_CHECK: i32 = 16;
/** pool/recover/after-claim: The recoverer has the claim; nothing is recovered. */
export const RECOVER_AFTER_CLAIM: i32 = 19;
/** pool/recover/after-heap: What the dead client left in the heap is finished; its connections are not. */
export const RECOVER_AFTER_HEAP: i32 = 20;
/** pool/leave/after-announce: The client says that it leaves; it has given nothing back. */
export const LEAVE_AFTER_ANNOUNCE: i32 = 21;
/** pool/leave/after-heap: The heap is left; connections and slot are not. */
export const LEAVE_AFTER_HEAP: i32 = 22;
/** pool/recover/after-connections: The dead client's connections are closed; its slot is still taken. */
export const RECOVER_AFTER_CONNECTIONS: i32 = 17;
/** pool/recover/after-commit: The slot is free; the recoverer does not know. */
export const RECOVER_AFTER_COMMIT: i32 = 18;

/** rpc/listen/after-register: The name is in the directory; there is no connection. */
export const LISTEN_AFTER_REGISTER: i32 = 30;
/** rpc/listen/after-claim: A connection is claimed; its lines are those of its last use. */
export const LISTEN_AFTER_CLAIM: i32 = 31;
/** rpc/listen/after-prepare: Rings and descriptor are ready; nobody may connect yet. */
export const LISTEN_AFTER_PREPARE: i32 = 32;
/** rpc/listen/after-commit: The connection listens; the directory does not name it. */
export const LISTEN_AFTER_COMMIT: i32 = 33;
/** rpc/listen/after-announce: The directory names it; the server does not know. */
export const LISTEN_AFTER_ANNOUNCE: i32 = 34;
/** rpc/connect/after-find: A listening connection was found; it is not taken. */
export const CONNECT_AFTER_FIND: i32 = 35;
/** rpc/connect/after-commit: The connection is open; the caller does not know. */
export const CONNECT_AFTER_COMMIT: i32 = 36;
/** rpc/close/after-commit: This side is closed; it does not know. */
export const CLOSE_AFTER_COMMIT: i32 = 37;

/** rpc/call/after-begin: A request buffer is handed out; nothing is published. */
export const CALL_AFTER_BEGIN: i32 = 40;
/** rpc/call/after-write: The request is written; nothing is published. */
export const CALL_AFTER_WRITE: i32 = 41;
/** rpc/call/after-publish: The request is published; the caller does not know. */
export const CALL_AFTER_PUBLISH: i32 = 42;
/** rpc/call/after-response: The response was seen; the caller is not done with it. */
export const CALL_AFTER_RESPONSE: i32 = 43;
/** rpc/call/after-finish: The call is finished for the caller. */
export const CALL_AFTER_FINISH: i32 = 44;

/** rpc/serve/after-see: A request was seen; it is neither checked nor taken. */
export const SERVE_AFTER_SEE: i32 = 50;
/** rpc/serve/after-take: The request was checked and taken; it is not executed. */
export const SERVE_AFTER_TAKE: i32 = 51;
/** rpc/serve/after-execute: The request is executed, its response written; the response is not published. */
export const SERVE_AFTER_EXECUTE: i32 = 52;
/** rpc/serve/after-publish: The response is published; the server does not know. */
export const SERVE_AFTER_PUBLISH: i32 = 54;

/** baseline/lock/after-take: The lock is held; nothing is changed. */
export const LOCK_AFTER_TAKE: i32 = 200;
/** baseline/lock/after-log: The writes are written down; they are not committed. */
export const LOCK_AFTER_LOG: i32 = 201;
/** baseline/lock/after-commit: The writes are committed; none is made. */
export const LOCK_AFTER_COMMIT: i32 = 202;
/** baseline/lock/after-apply: The writes are made; the log is open. */
export const LOCK_AFTER_APPLY: i32 = 203;
/** baseline/lock/after-close: The log is closed; the lock is held. */
export const LOCK_AFTER_CLOSE: i32 = 204;
/** baseline/lock/after-release: The lock is free; the client does not know. */
export const LOCK_AFTER_RELEASE: i32 = 205;
/** baseline/lock/open/after-prepare: The heap is prepared for the first time; nobody has it open. */
export const LOCK_OPEN_AFTER_PREPARE: i32 = 206;
/** baseline/lock/open/after-replay: The log is replayed; the heap is not open. */
export const LOCK_OPEN_AFTER_REPLAY: i32 = 207;
/** baseline/lock/open/after-enter: The heap is open for this client; the lock is held. */
export const LOCK_OPEN_AFTER_ENTER: i32 = 208;
/** baseline/naive/alloc/between: One of count and slot is written, the other is not. */
export const NAIVE_ALLOC_BETWEEN: i32 = 220;
/** baseline/naive/attach/between: One of count and slot is written, the other is not. */
export const NAIVE_ATTACH_BETWEEN: i32 = 221;
/** baseline/naive/detach/between: One of count and slot is written, the other is not. */
export const NAIVE_DETACH_BETWEEN: i32 = 222;

/** shm/open/after-clear: The client's lines of the heap are cleared; its first era is not published. */
export const SHM_OPEN_AFTER_CLEAR: i32 = 100;
/** shm/open/after-commit: The heap is open; the client does not know. */
export const SHM_OPEN_AFTER_COMMIT: i32 = 101;
/** shm/alloc/after-pop: A block and a root are taken; the root does not name the block. */
export const SHM_ALLOC_AFTER_POP: i32 = 102;
/** shm/alloc/after-root: The root names the block, whose word is 0. */
export const SHM_ALLOC_AFTER_ROOT: i32 = 103;
/** shm/alloc/after-commit: The object exists; the client does not know. */
export const SHM_ALLOC_AFTER_COMMIT: i32 = 104;
/** shm/drop/after-commit: The block is free; the root still names it. */
export const SHM_DROP_AFTER_COMMIT: i32 = 105;
/** shm/drop/after-clear: The root is free; the block is on no list. */
export const SHM_DROP_AFTER_CLEAR: i32 = 106;
/** shm/attach/after-witness: The era that the word proves is kept; nothing is logged. */
export const SHM_ATTACH_AFTER_WITNESS: i32 = 107;
/** shm/attach/after-redo: The record is written; the word is not swapped. */
export const SHM_ATTACH_AFTER_REDO: i32 = 108;
/** shm/attach/after-failed-cas: Somebody was faster; the record names an era that is in no word. */
export const SHM_ATTACH_AFTER_FAILED_CAS: i32 = 170;
/** shm/attach/after-commit: The reference is counted; the slot is empty. */
export const SHM_ATTACH_AFTER_COMMIT: i32 = 109;
/** shm/attach/after-link: The slot refers to the object; the era is open. */
export const SHM_ATTACH_AFTER_LINK: i32 = 110;
/** shm/advance/after-commit: The transaction is closed; the client does not know. */
export const SHM_ADVANCE_AFTER_COMMIT: i32 = 111;
/** shm/detach/after-redo: The record is written; the word is not swapped. */
export const SHM_DETACH_AFTER_REDO: i32 = 112;
/** shm/detach/after-failed-cas: Somebody was faster; the slot refers to the object, the record says that it goes. */
export const SHM_DETACH_AFTER_FAILED_CAS: i32 = 171;
/** shm/detach/after-commit: The reference is discounted; the slot still refers to the object. */
export const SHM_DETACH_AFTER_COMMIT: i32 = 113;
/** shm/detach/after-clear: The slot is empty; a corpse is on no list. */
export const SHM_DETACH_AFTER_CLEAR: i32 = 114;
/** shm/detach/after-dying: A corpse is on the dying list; the era is open. */
export const SHM_DETACH_AFTER_DYING: i32 = 115;
/** shm/change/after-redo: The record is written; the new object's word is not swapped. */
export const SHM_CHANGE_AFTER_REDO: i32 = 116;
/** shm/change/after-failed-cas: Somebody was faster with the new object's word; the slot refers to the old one. */
export const SHM_CHANGE_AFTER_FAILED_CAS: i32 = 172;
/** shm/change/after-commit: The new object is counted; the slot refers to the old one. */
export const SHM_CHANGE_AFTER_COMMIT: i32 = 117;
/** shm/change/after-link: The slot refers to the new object; the second half is not logged. */
export const SHM_CHANGE_AFTER_LINK: i32 = 118;
/** shm/change/after-log: The second half is logged under the next era; this one is open. */
export const SHM_CHANGE_AFTER_LOG: i32 = 119;
/** shm/release/after-log: It is logged that the slot's reference goes; slot and count are as they were. */
export const SHM_RELEASE_AFTER_LOG: i32 = 168;
/** shm/release/after-clear: The slot is empty; its object is not discounted. */
export const SHM_RELEASE_AFTER_CLEAR: i32 = 169;
/** shm/release/after-failed-cas: Somebody was faster; the slot is empty, its object is not discounted. */
export const SHM_RELEASE_AFTER_FAILED_CAS: i32 = 173;
/** shm/release/after-commit: The old object is discounted; a corpse is on no list. */
export const SHM_RELEASE_AFTER_COMMIT: i32 = 120;
/** shm/release/after-dying: A corpse is on the dying list; the era is open. */
export const SHM_RELEASE_AFTER_DYING: i32 = 121;
/** shm/move/after-commit: The record is published; both slots are as they were. */
export const SHM_MOVE_AFTER_COMMIT: i32 = 122;
/** shm/move/after-link: Both slots refer to the object. */
export const SHM_MOVE_AFTER_LINK: i32 = 123;
/** shm/move/after-clear: The reference has moved; the era is open. */
export const SHM_MOVE_AFTER_CLEAR: i32 = 124;
/** shm/drain/after-child: One embedded reference of a corpse is detached, or passed over. */
export const SHM_DRAIN_AFTER_CHILD: i32 = 125;
/** shm/drain/after-note: The corpse is noted; it is still on the list. */
export const SHM_DRAIN_AFTER_NOTE: i32 = 126;
/** shm/drain/after-pop: The corpse is off the list; its word is not cleared. */
export const SHM_DRAIN_AFTER_POP: i32 = 127;
/** shm/drain/after-commit: The block is free; nobody is told. */
export const SHM_DRAIN_AFTER_COMMIT: i32 = 128;
/** shm/drain/after-hint: The owner is told; the client goes on. */
export const SHM_DRAIN_AFTER_HINT: i32 = 129;
/** shm/acquire/after-hazard: The hazard stands; the slot is not read again. */
export const SHM_ACQUIRE_AFTER_HAZARD: i32 = 130;
/** shm/claim/after-failed-cas: Somebody else has claimed the segment that was found. */
export const SHM_CLAIM_AFTER_FAILED_CAS: i32 = 175;
/** shm/claim/after-commit: A segment is claimed; no map and no list knows. */
export const SHM_CLAIM_AFTER_COMMIT: i32 = 131;
/** shm/free-segment/after-commit: A segment is free; the map says that it is claimed. */
export const SHM_FREE_SEGMENT_AFTER_COMMIT: i32 = 132;
/** shm/abandon/after-commit: A segment is abandoned; the map does not say so. */
export const SHM_ABANDON_AFTER_COMMIT: i32 = 133;
/** shm/adopt/after-commit: A segment is adopted; its pages are not described. */
export const SHM_ADOPT_AFTER_COMMIT: i32 = 134;
/** shm/page/after-clear: The blocks of a page are cleared; the page is free. */
export const SHM_PAGE_AFTER_CLEAR: i32 = 135;
/** shm/page/after-commit: The page has blocks; they are on no list. */
export const SHM_PAGE_AFTER_COMMIT: i32 = 136;
/** shm/roots/after-clear: The roots of a page are cleared; the page is free. */
export const SHM_ROOTS_AFTER_CLEAR: i32 = 137;
/** shm/roots/after-commit: The page has roots; the client has none of them. */
export const SHM_ROOTS_AFTER_COMMIT: i32 = 138;
/** shm/reclaim/after-commit: An empty page is free; the segment's map does not know. */
export const SHM_RECLAIM_AFTER_COMMIT: i32 = 139;
/** shm/sweep/after-take: The hints of a segment are taken; nothing is swept. */
export const SHM_SWEEP_AFTER_TAKE: i32 = 140;
/** shm/sweep/after-reclaim: A corpse that was nobody's is a free block; it is on no list. */
export const SHM_SWEEP_AFTER_RECLAIM: i32 = 141;
/** shm/run/after-commit: A run of pages is taken; its object does not exist. */
export const SHM_RUN_AFTER_COMMIT: i32 = 142;
/** shm/claim-huge/after-head: A segment of a run is claimed; the run is not complete. */
export const SHM_CLAIM_HUGE_AFTER_HEAD: i32 = 143;
/** shm/claim-huge/after-clear: All segments of a run are claimed; its first page is not published. */
export const SHM_CLAIM_HUGE_AFTER_CLEAR: i32 = 144;
/** shm/claim-huge/after-commit: The run is published; its object does not exist. */
export const SHM_CLAIM_HUGE_AFTER_COMMIT: i32 = 145;
/** shm/free-huge/after-commit: The corpse's run is this client's to free; nothing is freed. */
export const SHM_FREE_HUGE_AFTER_COMMIT: i32 = 146;
/** shm/free-huge/after-tail: All segments but the first are free. */
export const SHM_FREE_HUGE_AFTER_TAIL: i32 = 147;
/** shm/free-huge/after-clear: The run's page and word are cleared; its first segment is claimed. */
export const SHM_FREE_HUGE_AFTER_CLEAR: i32 = 148;
/** shm/queue/after-find: A free queue was found; it is not claimed. */
export const SHM_QUEUE_AFTER_FIND: i32 = 176;
/** shm/queue/after-failed-cas: Somebody else has claimed the queue that was found. */
export const SHM_QUEUE_AFTER_FAILED_CAS: i32 = 177;
/** shm/queue/after-claim: A queue is claimed; its lines are those of its last use. */
export const SHM_QUEUE_AFTER_CLAIM: i32 = 149;
/** shm/queue/after-describe: The queue is described; it is not open. */
export const SHM_QUEUE_AFTER_DESCRIBE: i32 = 150;
/** shm/queue/after-commit: The queue is open; the sender has not looked whether the receiver is still there. */
export const SHM_QUEUE_AFTER_COMMIT: i32 = 151;
/** shm/send/after-fill: A slot behind the tail holds a reference. */
export const SHM_SEND_AFTER_FILL: i32 = 152;
/** shm/send/after-commit: The receiver may take what was filled; the sender does not know. */
export const SHM_SEND_AFTER_COMMIT: i32 = 153;
/** shm/receive/after-move: A root holds the reference; the head does not say that the slot is empty. */
export const SHM_RECEIVE_AFTER_MOVE: i32 = 154;
/** shm/receive/after-commit: The slot is the sender's again; the receiver does not know. */
export const SHM_RECEIVE_AFTER_COMMIT: i32 = 155;
/** shm/close/after-clean: This side's own slots are in order; it is open. */
export const SHM_CLOSE_AFTER_CLEAN: i32 = 156;
/** shm/close/after-commit: This side is closed; if it was the last, nothing is drained. */
export const SHM_CLOSE_AFTER_COMMIT: i32 = 157;
/** shm/close/after-drain: The queue is empty; it is not free. */
export const SHM_CLOSE_AFTER_DRAIN: i32 = 158;
/** shm/name/after-claim: A named root is this client's to change; it is as it was. */
export const SHM_NAME_AFTER_CLAIM: i32 = 159;
/** shm/name/after-change: The named root is changed; others are still refused. */
export const SHM_NAME_AFTER_CHANGE: i32 = 160;
/** shm/resolve/after-repeat: What followed the dead client's commit is repeated; its era is open. */
export const SHM_RESOLVE_AFTER_REPEAT: i32 = 161;
/** shm/resolve/after-close: The dead client's transaction is closed. */
export const SHM_RESOLVE_AFTER_CLOSE: i32 = 162;
/** shm/resolve/after-note: The block that it was giving back is hinted at; nothing is relinquished. */
export const SHM_RESOLVE_AFTER_NOTE: i32 = 163;
/** shm/relinquish/after-drain: The dying list is empty; queues, names and roots are as they were. */
export const SHM_RELINQUISH_AFTER_DRAIN: i32 = 164;
/** shm/relinquish/after-queues: The client's queues are closed; its roots are full. */
export const SHM_RELINQUISH_AFTER_QUEUES: i32 = 165;
/** shm/relinquish/after-page: One page of roots is empty and free. */
export const SHM_RELINQUISH_AFTER_PAGE: i32 = 166;
/** shm/relinquish/after-roots: All roots are dropped; the segments are claimed. */
export const SHM_RELINQUISH_AFTER_ROOTS: i32 = 167;

/** kv/put/after-describe: The node has its key and its value; the store does not know it. */
export const KV_PUT_AFTER_DESCRIBE: i32 = 180;
/** kv/put/after-chain: The new node refers to what follows the old one; the old one is linked. */
export const KV_PUT_AFTER_CHAIN: i32 = 181;
/** kv/put/after-replace: The new node is linked, the old one is discounted; it is not disposed of. */
export const KV_PUT_AFTER_REPLACE: i32 = 182;
/** kv/put/after-insert: The node of a new key is linked; its root is empty and on no list. */
export const KV_PUT_AFTER_INSERT: i32 = 183;
/** kv/put/after-drop: Only the store refers to the new node; the old one is not disposed of. */
export const KV_PUT_AFTER_DROP: i32 = 184;
/** kv/delete/after-unlink: The node is unlinked; it is not disposed of. */
export const KV_DELETE_AFTER_UNLINK: i32 = 185;
/** kv/get/after-hazard: The reader says which node it looks at; it has not made sure. */
export const KV_GET_AFTER_HAZARD: i32 = 186;
/** kv/claim/after-commit: The partition has this writer; it does not know. */
export const KV_CLAIM_AFTER_COMMIT: i32 = 187;
