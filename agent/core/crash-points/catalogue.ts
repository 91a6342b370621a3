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
/** rpc/call/after-header: Payload and header are written; nothing is published. */
export const CALL_AFTER_HEADER: i32 = 41;
/** rpc/call/after-publish: The request is published; the caller does not know. */
export const CALL_AFTER_PUBLISH: i32 = 42;
/** rpc/call/after-response: The response was seen; it is not acknowledged. */
export const CALL_AFTER_RESPONSE: i32 = 43;
/** rpc/call/after-finish: The call is finished for the caller. */
export const CALL_AFTER_FINISH: i32 = 44;

/** rpc/serve/after-see: A request was seen; it is neither checked nor taken. */
export const SERVE_AFTER_SEE: i32 = 50;
/** rpc/serve/after-take: The request was checked and taken; it is not executed. */
export const SERVE_AFTER_TAKE: i32 = 51;
/** rpc/serve/after-execute: The request is executed; the response has no header. */
export const SERVE_AFTER_EXECUTE: i32 = 52;
/** rpc/serve/after-header: The response is written; it is not published. */
export const SERVE_AFTER_HEADER: i32 = 53;
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
