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
