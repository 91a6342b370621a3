import { fullFence, invalidate, keep32, load32, load64, publish64, recall32, recall64, store32, store64, storeFence, swap64, writeBack } from '../memory/memory';
import { mutant } from '../memory/mutant';
import { BAD_ARGUMENT, CORRUPT, FENCED, FULL, NOT_FOUND, NOT_JOINED, OK, WRONG_VERSION } from '../codes/codes';
import { COMMIT_WAS_STOLEN, crashPoint, invariant } from '../crash-points/crash-point';
import {
  CONNECT_AFTER_COMMIT,
  CONNECT_AFTER_FIND,
  LISTEN_AFTER_ANNOUNCE,
  LISTEN_AFTER_CLAIM,
  LISTEN_AFTER_COMMIT,
  LISTEN_AFTER_PREPARE,
  LISTEN_AFTER_REGISTER,
} from '../crash-points/catalogue';
import { isFenced, selfClient, selfIncarnation } from '../client-table/client-table';
import { CLIENT_COUNT, CONNECTION_COUNT, LINE_BYTES, NAME_LIMIT_BYTES } from '../layout/regions';
import { Handle, HANDLE_CALLER, HANDLE_COUNT, HANDLE_FREE, HANDLE_SERVER } from '../layout/scratch';
import { Service, ServiceWord } from '../layout/directory';
import {
  ARENA_BYTES,
  CALLER_CLOSED,
  CONNECTION_CLAIMED,
  CONNECTION_DESCRIPTOR_LINE,
  CONNECTION_FREE,
  CONNECTION_LISTENING,
  CONNECTION_OPEN,
  CONNECTION_SERVER_LINE,
  ConnectionState,
  ConnectionWord,
  Descriptor,
  HANDLE_BASE,
  LAYOUT_FAITHFUL,
  LAYOUT_HARDENED,
  PAYLOAD_LIMIT_BYTES,
  REQUEST_ARENA_OFFSET,
  REQUEST_RING_OFFSET,
  RESPONSE_RING_OFFSET,
  SERVER_CLOSED,
  ServerLine,
  SHARING_COHERENT,
  SHARING_NON_TEMPORAL,
  WINDOW_LOG2_LIMIT,
} from '../layout/connection';
import { closeConnection, connectionAt } from './close';
import { hashName } from '../names/name-table';
import { find, register } from './directory';
import { connectionOf, freeHandle, handleAt, openHandle, peerState, strideOf } from './handle';

function fits(windowLog2: u32, payloadBytes: u32, layout: u32, sharing: u32): bool {
  if (windowLog2 < 1 || windowLog2 > WINDOW_LOG2_LIMIT || payloadBytes < 1 || payloadBytes > PAYLOAD_LIMIT_BYTES) return false;
  if (layout < LAYOUT_FAITHFUL || layout > LAYOUT_HARDENED || sharing < SHARING_COHERENT || sharing > SHARING_NON_TEMPORAL) return false;
  return strideOf(payloadBytes) << windowLog2 <= ARENA_BYTES;
}

/**
 * Opens a connection for one caller of the service named in the scratch block.
 *
 *   1. register   Find or make the name's directory entry.
 *   2. claim      Swap a free connection for { CLAIMED, epoch + 1, this client }. On a lost race, the next connection.
 *   3. prepare    Clear both rings and the counters; write the descriptor.
 *   4. COMMIT     Swap CLAIMED for LISTENING.
 *   5. announce   Publish the connection in the directory entry.
 *
 * Dead before 4: recovery frees the connection. Dead after 4: the same; whoever connected sees the fence.
 */
export function rpcListen(nameBytes: u32, version: u32, windowLog2: u32, payloadBytes: u32, layout: u32, sharing: u32): i32 {
  const self: i32 = selfClient();
  if (self < 0) return NOT_JOINED;
  if (isFenced(<u32>self, selfIncarnation())) return FENCED;
  if (nameBytes == 0 || nameBytes > NAME_LIMIT_BYTES || !fits(windowLog2, payloadBytes, layout, sharing)) return BAD_ARGUMENT;
  const handle: u32 = freeHandle();
  if (handle == HANDLE_COUNT) return FULL;
  const service: usize = register(nameBytes);
  if (service == 0) return FULL;
  crashPoint(LISTEN_AFTER_REGISTER);

  for (let slot: u32 = 0; slot < CONNECTION_COUNT; slot++) {
    const address: usize = connectionAt(slot) + offsetof<ConnectionState>("word");
    const seen: u64 = load64(address);
    if (ConnectionWord.state(seen) != CONNECTION_FREE) continue;
    const epoch: u32 = ConnectionWord.epoch(seen) + 1;
    const claim: u64 = ConnectionWord.pack(epoch, CONNECTION_CLAIMED, <u32>self, 0);
    if (swap64(address, seen, claim) != seen) continue;
    crashPoint(LISTEN_AFTER_CLAIM);

    if (mutant(8)) swap64(address, claim, ConnectionWord.pack(epoch, CONNECTION_LISTENING, <u32>self, 0));
    prepare(slot, <u32>self, hashName(nameBytes), version, windowLog2, payloadBytes, layout, sharing);
    crashPoint(LISTEN_AFTER_PREPARE);

    if (!mutant(8)) {
      const before: u64 = swap64(address, claim, ConnectionWord.pack(epoch, CONNECTION_LISTENING, <u32>self, 0)); // publishes L1
      invariant(before == claim, COMMIT_WAS_STOLEN);
    }
    crashPoint(LISTEN_AFTER_COMMIT);

    publish64(service + offsetof<Service>("connection"), ServiceWord.pack(epoch, slot)); // publishes D2
    crashPoint(LISTEN_AFTER_ANNOUNCE);
    openHandle(handle, HANDLE_SERVER, slot, epoch, 0, 0);
    return <i32>(HANDLE_BASE + handle);
  }
  return FULL;
}

function prepare(
  slot: u32,
  self: u32,
  nameHash: u64,
  version: u32,
  windowLog2: u32,
  payloadBytes: u32,
  layout: u32,
  sharing: u32,
): void {
  const connection: usize = connectionAt(slot);
  for (let entry: u32 = 0; entry < <u32>1 << windowLog2; entry++) {
    store64(connection + REQUEST_RING_OFFSET + entry * 8, 0);
    store64(connection + RESPONSE_RING_OFFSET + entry * 8, 0);
  }
  store64(connection + CONNECTION_SERVER_LINE + offsetof<ServerLine>("served"), 0);
  store64(connection + CONNECTION_SERVER_LINE + offsetof<ServerLine>("refused"), 0);
  store64(connection + CONNECTION_SERVER_LINE + offsetof<ServerLine>("offered"), <u64>1 << <u64>windowLog2);
  const descriptor: usize = connection + CONNECTION_DESCRIPTOR_LINE;
  store32(descriptor + offsetof<Descriptor>("serverClient"), self);
  store32(descriptor + offsetof<Descriptor>("serverIncarnation"), selfIncarnation());
  store32(descriptor + offsetof<Descriptor>("windowLog2"), windowLog2);
  store32(descriptor + offsetof<Descriptor>("payloadBytes"), payloadBytes);
  store64(descriptor + offsetof<Descriptor>("nameHash"), nameHash);
  store32(descriptor + offsetof<Descriptor>("version"), version);
  store32(descriptor + offsetof<Descriptor>("layout"), layout);
  store32(descriptor + offsetof<Descriptor>("sharing"), sharing);
  if (sharing == SHARING_COHERENT) return;
  for (let line: u32 = CONNECTION_DESCRIPTOR_LINE; line < REQUEST_ARENA_OFFSET; line += LINE_BYTES) {
    if (!mutant(327)) writeBack(connection + line);
  }
  storeFence();
}

/** What this machine may have cached of the connection's last use is not what it is now. */
function dropLines(slot: u32): void {
  if (mutant(328)) return;
  for (let line: u32 = CONNECTION_DESCRIPTOR_LINE; line < REQUEST_ARENA_OFFSET; line += LINE_BYTES) invalidate(connectionAt(slot) + line);
  fullFence();
}

/**
 * Takes a listening connection of the service named in the scratch block.
 *
 *   1. find     Through the directory; else any that listens under this name, in the wanted version.
 *   2. COMMIT   Swap { LISTENING, epoch } for { OPEN, epoch, this client }. On a lost race, look on.
 *
 * Dead before 2: nothing happened. Dead after 2: recovery closes the caller's side.
 */
export function rpcConnect(nameBytes: u32, version: u32): i32 {
  const self: i32 = selfClient();
  if (self < 0) return NOT_JOINED;
  if (isFenced(<u32>self, selfIncarnation())) return FENCED;
  if (nameBytes == 0 || nameBytes > NAME_LIMIT_BYTES) return BAD_ARGUMENT;
  const handle: u32 = freeHandle();
  if (handle == HANDLE_COUNT) return FULL;
  const service: usize = find(nameBytes);
  if (service == 0) return NOT_FOUND;
  const hash: u64 = hashName(nameBytes);
  const newest: u32 = ServiceWord.slotPlusOne(load64(service + offsetof<Service>("connection"))); // sees D2
  if (newest != 0 && newest <= CONNECTION_COUNT) {
    const code: i32 = take(newest - 1, <u32>self, hash, version, handle);
    if (code != NOT_FOUND && code != WRONG_VERSION) return code;
  }
  let answer: i32 = NOT_FOUND;
  for (let slot: u32 = 0; slot < CONNECTION_COUNT; slot++) {
    const code: i32 = take(slot, <u32>self, hash, version, handle);
    if (code == WRONG_VERSION) answer = WRONG_VERSION;
    else if (code != NOT_FOUND) return code;
  }
  return answer;
}

/** The descriptor is the one of `seen`'s epoch: it does not change while the connection listens, and the swap proves that it does. */
function take(slot: u32, self: u32, nameHash: u64, version: u32, handle: u32): i32 {
  const address: usize = connectionAt(slot) + offsetof<ConnectionState>("word");
  const descriptor: usize = connectionAt(slot) + CONNECTION_DESCRIPTOR_LINE;
  const seen: u64 = load64(address); // sees L1
  if (ConnectionWord.state(seen) != CONNECTION_LISTENING) return NOT_FOUND;
  // What this machine may have cached is the descriptor of an earlier use, and only the descriptor says how it is shared.
  if (!mutant(329)) {
    invalidate(descriptor);
    fullFence();
  }
  if (load64(descriptor + offsetof<Descriptor>("nameHash")) != nameHash) return NOT_FOUND;
  if (load32(descriptor + offsetof<Descriptor>("version")) != version) return WRONG_VERSION;
  crashPoint(CONNECT_AFTER_FIND);
  const epoch: u32 = ConnectionWord.epoch(seen);
  const server: u32 = ConnectionWord.server(seen);
  const open: u64 = ConnectionWord.pack(epoch, CONNECTION_OPEN, server, self);
  if (mutant(9)) publish64(address, open);
  else if (swap64(address, seen, open) != seen) return NOT_FOUND;
  crashPoint(CONNECT_AFTER_COMMIT);

  const windowLog2: u32 = load32(descriptor + offsetof<Descriptor>("windowLog2"));
  const payloadBytes: u32 = load32(descriptor + offsetof<Descriptor>("payloadBytes"));
  const layout: u32 = load32(descriptor + offsetof<Descriptor>("layout"));
  const sharing: u32 = load32(descriptor + offsetof<Descriptor>("sharing"));
  const incarnation: u32 = load32(descriptor + offsetof<Descriptor>("serverIncarnation"));
  if (server >= CLIENT_COUNT || !fits(windowLog2, payloadBytes, layout, sharing)) {
    closeConnection(slot, self, CALLER_CLOSED);
    return CORRUPT;
  }
  if (sharing != SHARING_COHERENT) dropLines(slot);
  openHandle(handle, HANDLE_CALLER, slot, epoch, server + 1, incarnation);
  return <i32>(HANDLE_BASE + handle);
}

/** Closes this side. COMMIT is one swap; the handle is free afterwards. */
export function rpcClose(handle: u32): i32 {
  const at: usize = handleAt(handle);
  const role: u32 = recall32(at + offsetof<Handle>("role"));
  const self: i32 = selfClient();
  if (role == HANDLE_FREE) return BAD_ARGUMENT;
  if (self < 0) return NOT_JOINED;
  // What a fenced client had is closed by its recoverer, and its place in the table perhaps another's.
  if (!isFenced(<u32>self, selfIncarnation()) || mutant(350)) {
    if (role == HANDLE_SERVER) reportServed(at);
    closeConnection(connectionOf(at), <u32>self, role == HANDLE_SERVER ? SERVER_CLOSED : CALLER_CLOSED);
  }
  keep32(at + offsetof<Handle>("role"), HANDLE_FREE);
  return OK;
}

/** Lets observers see how far a server is; nobody decides by it. */
export function reportServed(at: usize): void {
  const line: usize = connectionAt(connectionOf(at)) + CONNECTION_SERVER_LINE;
  publish64(line + offsetof<ServerLine>("served"), recall64(at + offsetof<Handle>("served")));
  publish64(line + offsetof<ServerLine>("refused"), recall64(at + offsetof<Handle>("refused")));
}

export function rpcPeerState(handle: u32): i32 {
  return peerState(handleAt(handle));
}

export function rpcConnectionSlot(handle: u32): u32 {
  return connectionOf(handleAt(handle));
}

export function rpcPayloadBytes(handle: u32): u32 {
  return recall32(handleAt(handle) + offsetof<Handle>("payloadBytes"));
}
