import { keep32, load32, load64, publish64, recall32, recall64, store32, store64, swap64 } from '../memory/memory';
import { mutant } from '../memory/mutant';
import { BAD_ARGUMENT, CORRUPT, FULL, NOT_FOUND, NOT_JOINED, OK } from '../codes/codes';
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
import { selfClient, selfIncarnation } from '../client-table/client-table';
import { CLIENT_COUNT, CONNECTION_COUNT, NAME_LIMIT_BYTES } from '../layout/regions';
import { Handle, HANDLE_CALLER, HANDLE_COUNT, HANDLE_FREE, HANDLE_SERVER } from '../layout/scratch';
import { Service, ServiceWord } from '../layout/directory';
import {
  ARENA_BYTES,
  CALLER_CLOSED,
  CallerLine,
  CAPACITY_LOG2_LIMIT,
  CONNECTION_CALLER_LINE,
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
  REQUEST_RING_OFFSET,
  RESPONSE_RING_OFFSET,
  SERVER_CLOSED,
  ServerLine,
} from '../layout/connection';
import { closeConnection, connectionAt } from './close';
import { hashName } from '../names/name-table';
import { find, register } from './directory';
import { freeHandle, handleAt, openHandle, peerState, slotOf, strideOf } from './handle';

function fits(capacityLog2: u32, payloadBytes: u32): bool {
  if (capacityLog2 < 1 || capacityLog2 > CAPACITY_LOG2_LIMIT || payloadBytes < 1 || payloadBytes > ARENA_BYTES) return false;
  return strideOf(payloadBytes) << capacityLog2 <= ARENA_BYTES;
}

/**
 * Opens a connection for one caller of the service named in the scratch block.
 *
 *   1. register   Find or make the name's directory entry.
 *   2. claim      Swap a free connection for { CLAIMED, epoch + 1, this client }. On a lost race, the next connection.
 *   3. prepare    Clear both rings and both counters; write the descriptor.
 *   4. COMMIT     Swap CLAIMED for LISTENING.
 *   5. announce   Publish the connection in the directory entry.
 *
 * Dead before 4: recovery frees the connection. Dead after 4: the same; whoever connected sees the fence.
 */
export function rpcListen(nameBytes: u32, capacityLog2: u32, payloadBytes: u32): i32 {
  const self: i32 = selfClient();
  if (self < 0) return NOT_JOINED;
  if (nameBytes == 0 || nameBytes > NAME_LIMIT_BYTES || !fits(capacityLog2, payloadBytes)) return BAD_ARGUMENT;
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
    prepare(slot, <u32>self, capacityLog2, payloadBytes, hashName(nameBytes));
    crashPoint(LISTEN_AFTER_PREPARE);

    if (!mutant(8)) {
      const before: u64 = swap64(address, claim, ConnectionWord.pack(epoch, CONNECTION_LISTENING, <u32>self, 0)); // publishes L1
      invariant(before == claim, COMMIT_WAS_STOLEN);
    }
    crashPoint(LISTEN_AFTER_COMMIT);

    publish64(service + offsetof<Service>("connection"), ServiceWord.pack(epoch, slot)); // publishes D2
    crashPoint(LISTEN_AFTER_ANNOUNCE);
    openHandle(handle, HANDLE_SERVER, slot, epoch, 0, 0, capacityLog2, payloadBytes);
    return <i32>(HANDLE_BASE + handle);
  }
  return FULL;
}

function prepare(slot: u32, self: u32, capacityLog2: u32, payloadBytes: u32, nameHash: u64): void {
  const connection: usize = connectionAt(slot);
  for (let entry: u32 = 0; entry < <u32>1 << capacityLog2; entry++) {
    store64(connection + REQUEST_RING_OFFSET + entry * 8, 0);
    store64(connection + RESPONSE_RING_OFFSET + entry * 8, 0);
  }
  store64(connection + CONNECTION_SERVER_LINE + offsetof<ServerLine>("served"), 0);
  store64(connection + CONNECTION_SERVER_LINE + offsetof<ServerLine>("refused"), 0);
  store64(connection + CONNECTION_CALLER_LINE + offsetof<CallerLine>("acknowledged"), 0);
  const descriptor: usize = connection + CONNECTION_DESCRIPTOR_LINE;
  store32(descriptor + offsetof<Descriptor>("serverClient"), self);
  store32(descriptor + offsetof<Descriptor>("serverIncarnation"), selfIncarnation());
  store32(descriptor + offsetof<Descriptor>("capacityLog2"), capacityLog2);
  store32(descriptor + offsetof<Descriptor>("payloadBytes"), payloadBytes);
  store64(descriptor + offsetof<Descriptor>("nameHash"), nameHash);
}

/**
 * Takes a listening connection of the service named in the scratch block.
 *
 *   1. find     Through the directory; else any that listens under this name.
 *   2. COMMIT   Swap { LISTENING, epoch } for { OPEN, epoch, this client }. On a lost race, look on.
 *
 * Dead before 2: nothing happened. Dead after 2: recovery closes the caller's side.
 */
export function rpcConnect(nameBytes: u32): i32 {
  const self: i32 = selfClient();
  if (self < 0) return NOT_JOINED;
  if (nameBytes == 0 || nameBytes > NAME_LIMIT_BYTES) return BAD_ARGUMENT;
  const handle: u32 = freeHandle();
  if (handle == HANDLE_COUNT) return FULL;
  const service: usize = find(nameBytes);
  if (service == 0) return NOT_FOUND;
  const hash: u64 = hashName(nameBytes);
  const newest: u32 = ServiceWord.slotPlusOne(load64(service + offsetof<Service>("connection"))); // sees D2
  if (newest != 0 && newest <= CONNECTION_COUNT) {
    const code: i32 = take(newest - 1, <u32>self, hash, handle);
    if (code != NOT_FOUND) return code;
  }
  for (let slot: u32 = 0; slot < CONNECTION_COUNT; slot++) {
    const code: i32 = take(slot, <u32>self, hash, handle);
    if (code != NOT_FOUND) return code;
  }
  return NOT_FOUND;
}

/** The descriptor is the one of `seen`'s epoch: it does not change while the connection listens, and the swap proves that it does. */
function take(slot: u32, self: u32, nameHash: u64, handle: u32): i32 {
  const address: usize = connectionAt(slot) + offsetof<ConnectionState>("word");
  const descriptor: usize = connectionAt(slot) + CONNECTION_DESCRIPTOR_LINE;
  const seen: u64 = load64(address); // sees L1
  if (ConnectionWord.state(seen) != CONNECTION_LISTENING) return NOT_FOUND;
  if (load64(descriptor + offsetof<Descriptor>("nameHash")) != nameHash) return NOT_FOUND;
  crashPoint(CONNECT_AFTER_FIND);
  const epoch: u32 = ConnectionWord.epoch(seen);
  const server: u32 = ConnectionWord.server(seen);
  const open: u64 = ConnectionWord.pack(epoch, CONNECTION_OPEN, server, self);
  if (mutant(9)) publish64(address, open);
  else if (swap64(address, seen, open) != seen) return NOT_FOUND;
  crashPoint(CONNECT_AFTER_COMMIT);

  const capacityLog2: u32 = load32(descriptor + offsetof<Descriptor>("capacityLog2"));
  const payloadBytes: u32 = load32(descriptor + offsetof<Descriptor>("payloadBytes"));
  const incarnation: u32 = load32(descriptor + offsetof<Descriptor>("serverIncarnation"));
  if (server >= CLIENT_COUNT || !fits(capacityLog2, payloadBytes)) {
    closeConnection(slot, self, CALLER_CLOSED);
    return CORRUPT;
  }
  openHandle(handle, HANDLE_CALLER, slot, epoch, server + 1, incarnation, capacityLog2, payloadBytes);
  return <i32>(HANDLE_BASE + handle);
}

/** Closes this side. COMMIT is one swap; the handle is free afterwards. */
export function rpcClose(handle: u32): i32 {
  const at: usize = handleAt(handle);
  const role: u32 = recall32(at + offsetof<Handle>("role"));
  const self: i32 = selfClient();
  if (role == HANDLE_FREE) return BAD_ARGUMENT;
  if (self < 0) return NOT_JOINED;
  if (role == HANDLE_SERVER) reportServed(at);
  closeConnection(slotOf(at), <u32>self, role == HANDLE_SERVER ? SERVER_CLOSED : CALLER_CLOSED);
  keep32(at + offsetof<Handle>("role"), HANDLE_FREE);
  return OK;
}

/** Lets observers see how far a server is; nobody decides by it. */
export function reportServed(at: usize): void {
  const line: usize = connectionAt(slotOf(at)) + CONNECTION_SERVER_LINE;
  publish64(line + offsetof<ServerLine>("served"), recall64(at + offsetof<Handle>("served")));
  publish64(line + offsetof<ServerLine>("refused"), recall64(at + offsetof<Handle>("refused")));
}

export function rpcPeerState(handle: u32): i32 {
  return peerState(handleAt(handle));
}

export function rpcConnectionSlot(handle: u32): u32 {
  return slotOf(handleAt(handle));
}

export function rpcPayloadBytes(handle: u32): u32 {
  return recall32(handleAt(handle) + offsetof<Handle>("payloadBytes"));
}
