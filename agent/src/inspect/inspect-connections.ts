import { constants, layout } from '../layout/index.ts';
import type { InspectedClient, InspectedConnection } from './inspect.ts';
import { unpackConnectionWord } from './packed-words.ts';

const states = [null, 'claimed', 'listening', 'open'] as const;

/** Every connection that is not free. */
export function inspectConnections(
  view: DataView,
  clients: readonly InspectedClient[],
  problems: string[],
): readonly InspectedConnection[] {
  const isThere = (id: number): boolean => clients.some((client) => client.id === id && client.state === 'joined');
  const connections: InspectedConnection[] = [];
  for (let slot = 0; slot < constants.CONNECTION_COUNT; slot++) {
    const at = constants.CONNECTIONS_OFFSET + slot * constants.CONNECTION_BYTES;
    const word = unpackConnectionWord(view.getBigUint64(at + layout.ConnectionState.word.offset, true));
    const state = states[word.state];
    if (state === undefined || word.reserved !== 0) {
      problems.push(`connection ${slot} is in state ${word.state}, which does not exist`);
      continue;
    }
    if (state === null) {
      if (word.server !== 0 || word.caller !== 0 || word.serverClosed || word.callerClosed) {
        problems.push(`connection ${slot} is free but names a side`);
      }
      continue;
    }
    if (word.epoch === 0) problems.push(`connection ${slot} is ${state} in epoch 0, which does not exist`);
    if (!word.serverClosed && !isThere(word.server))
      problems.push(`connection ${slot} is served by client ${word.server}, who is not there`);
    if (state === 'open') {
      if (word.serverClosed && word.callerClosed) problems.push(`connection ${slot} is closed by both sides and not free`);
      if (!word.callerClosed && !isThere(word.caller))
        problems.push(`connection ${slot} is used by client ${word.caller}, who is not there`);
    } else if (word.serverClosed || word.callerClosed) {
      problems.push(`connection ${slot} is ${state} and closed`);
    }
    const rings = state === 'claimed' ? null : inspectRings(view, slot, at, problems);
    const serverLine = at + constants.CONNECTION_SERVER_LINE;
    connections.push({
      slot,
      state,
      epoch: word.epoch,
      server: word.server,
      caller: state === 'open' ? word.caller : null,
      serverClosed: word.serverClosed,
      callerClosed: word.callerClosed,
      window: rings?.window ?? null,
      payloadBytes: rings?.payloadBytes ?? null,
      inFlight: rings?.inFlight ?? 0,
      served: Number(view.getBigUint64(serverLine + layout.ServerLine.served.offset, true)),
      refused: Number(view.getBigUint64(serverLine + layout.ServerLine.refused.offset, true)),
    });
  }
  return connections;
}

interface Rings {
  readonly window: number;
  readonly payloadBytes: number;
  readonly inFlight: number;
}

/**
 * Also the calls in flight. The response ring belongs to the server alone and must be sound. Of what the caller put into the request ring only the
 * marks are looked at: a slot has the call that was answered last, or the one that follows it.
 */
function inspectRings(view: DataView, slot: number, at: number, problems: string[]): Rings | null {
  const descriptor = at + constants.CONNECTION_DESCRIPTOR_LINE;
  const windowLog2 = view.getUint32(descriptor + layout.Descriptor.windowLog2.offset, true);
  const payloadBytes = view.getUint32(descriptor + layout.Descriptor.payloadBytes.offset, true);
  const entryLayout = view.getUint32(descriptor + layout.Descriptor.layout.offset, true);
  const sharing = view.getUint32(descriptor + layout.Descriptor.sharing.offset, true);
  const strideBytes = constants.HEADER_BYTES + Math.ceil(payloadBytes / constants.LINE_BYTES) * constants.LINE_BYTES;
  if (windowLog2 < 1 || windowLog2 > constants.WINDOW_LOG2_LIMIT || strideBytes * 2 ** windowLog2 > constants.ARENA_BYTES) {
    problems.push(`connection ${slot} has a window of 2^${windowLog2} calls of ${payloadBytes} bytes, which does not fit`);
    return null;
  }
  if (entryLayout !== constants.LAYOUT_FAITHFUL && entryLayout !== constants.LAYOUT_HARDENED)
    problems.push(`connection ${slot} has layout ${entryLayout}, which does not exist`);
  if (sharing < constants.SHARING_COHERENT || sharing > constants.SHARING_NON_TEMPORAL)
    problems.push(`connection ${slot} has sharing ${sharing}, which does not exist`);
  const isFaithful = entryLayout === constants.LAYOUT_FAITHFUL;
  const inspectEntry = isFaithful ? inspectFaithfulEntry : inspectHardenedEntry;
  let inFlight = 0;
  for (let index = 0; index < 2 ** windowLog2; index++) {
    const entry = view.getBigUint64(at + constants.RESPONSE_RING_OFFSET + index * 8, true);
    const request = view.getBigUint64(at + constants.REQUEST_RING_OFFSET + index * 8, true);
    if (request >> 63n !== entry >> 63n) inFlight++;
    if (!isFaithful && !mayFollow(request, entry, index, windowLog2))
      problems.push(
        `request ${index} of connection ${slot} is neither the call that was answered last in its slot nor the next one`,
      );
    if (entry === 0n) continue;
    const header = at + constants.RESPONSE_ARENA_OFFSET + index * strideBytes;
    for (const problem of inspectEntry(entry, { index, header, windowLog2, payloadBytes }))
      problems.push(`response ${index} of connection ${slot} ${problem}`);
  }
  return { window: 2 ** windowLog2, payloadBytes, inFlight };
}

/** Whether a slot can have this request when its last response was this one; 0 where there was none. */
function mayFollow(request: bigint, response: bigint, index: number, windowLog2: number): boolean {
  const asked = request >> 48n;
  const answered = response >> 48n;
  if (request === 0n || response === 0n) return response === 0n && (request === 0n || asked === 0x8000n + BigInt(index));
  const next = ((answered & 0x7fffn) + (1n << BigInt(windowLog2))) & 0x7fffn;
  return asked === answered || asked === ((answered ^ 0x8000n) & 0x8000n) + next;
}

interface Place {
  readonly index: number;
  /** Of the slot's buffer, from the start of the pool; the payload is behind it. */
  readonly header: number;
  readonly windowLog2: number;
  readonly payloadBytes: number;
}

function inspectHardenedEntry(entry: bigint, { index, header, windowLog2, payloadBytes }: Place): string[] {
  const problems: string[] = [];
  const sequence = Number((entry >> 48n) & 0x7fffn);
  const lengthBytes = Number((entry >> 32n) & 0xffffn);
  const offset = Number(entry & 0xffffffc0n);
  if (offset !== header + constants.HEADER_BYTES) problems.push(`refers to ${offset}, not to its buffer`);
  if (sequence % 2 ** windowLog2 !== index) problems.push(`has sequence number ${sequence}`);
  else if (Number(entry >> 63n) === (sequence >> windowLog2) % 2) problems.push(`has the phase of another lap than ${sequence}`);
  if (lengthBytes > payloadBytes) problems.push(`has ${lengthBytes} bytes`);
  return problems;
}

/** A reference and the flag of its lap: it does not say which lap, so only the place can be wrong. */
function inspectFaithfulEntry(entry: bigint, { header }: Place): string[] {
  const offset = entry & 0x7fffffffffffffffn;
  return offset === BigInt(header) ? [] : [`refers to ${offset}, not to its buffer`];
}
