/** HydraRPC in the words of the core: what the tests of the simulator say again and again. */
import { constants, layout } from '../../src/layout/index.ts';
import type { SimulatedClient, World } from './simulator.ts';

export interface Shape {
  readonly windowLog2?: number;
  readonly payloadBytes?: number;
  readonly version?: number;
  readonly layout?: number;
  readonly sharing?: number;
}

/** The last arguments of `rpcListen`. */
export function shape({
  windowLog2 = 1,
  payloadBytes = 16,
  version = 0,
  layout = constants.LAYOUT_HARDENED,
  sharing = constants.SHARING_COHERENT,
}: Shape = {}): readonly [version: number, windowLog2: number, payloadBytes: number, layout: number, sharing: number] {
  return [version, windowLog2, payloadBytes, layout, sharing];
}

/** The handle. */
export function listenAs(client: SimulatedClient, service: string, of: Shape = {}): number {
  return client.core.rpcListen(client.name(service), ...shape(of)) - constants.HANDLE_BASE;
}

/** The handle. */
export function connectTo(client: SimulatedClient, service: string, version = 0): number {
  return client.core.rpcConnect(client.name(service), version) - constants.HANDLE_BASE;
}

/** The slot of a call of 8 bytes that was sent. */
export function sendCall(client: SimulatedClient, handle: number, value = 0): number {
  const buffer = client.core.rpcBegin(handle) >>> 0;
  if (buffer < constants.HANDLE_BASE) throw new Error(`a call that was to be sent was answered with code ${buffer}`);
  client.world.poolBytes(buffer, 8).fill(value);
  return client.core.rpcSend(handle, 8, 0) - constants.HANDLE_BASE;
}

/** The upper 16 bits of the entry with this index. */
export function markOf(index: number, windowLog2: number): bigint {
  const call = BigInt(index);
  return ((((call >> BigInt(windowLog2)) & 1n) ^ 1n) << 15n) | (call & 0x7fffn);
}

/** Makes call number `next`, a multiple of the window, the next one of the first connection, whose server and caller these are: as if all before it were over. */
export function startAt(world: World, [server, caller]: readonly SimulatedClient[], next: number, windowLog2: number): void {
  const window = 2 ** windowLog2;
  for (const client of [server!, caller!]) {
    const block = client.handleBlock(0);
    world.memory.expose(block.byteOffset, block.byteLength);
    block.setBigUint64(layout.Handle.next.offset, BigInt(next), true);
  }
  for (const { ring, arena } of [
    { ring: constants.REQUEST_RING_OFFSET, arena: constants.REQUEST_ARENA_OFFSET },
    { ring: constants.RESPONSE_RING_OFFSET, arena: constants.RESPONSE_ARENA_OFFSET },
  ]) {
    for (let slot = 0; slot < window; slot++) {
      const mark = markOf(next - window + slot, windowLog2);
      writeEntry(world, ring, slot, { mark, lengthBytes: 8, offset: payloadOffset(arena, slot), kind: 0 });
    }
  }
}

/** Writes an entry past the core, as only a liar does. `ring`: REQUEST_RING_OFFSET or RESPONSE_RING_OFFSET. */
export function writeEntry(
  world: World,
  ring: number,
  slot: number,
  entry: { readonly mark: bigint; readonly lengthBytes: number; readonly offset: number; readonly kind: number },
): void {
  const bytes = world.poolBytes(constants.CONNECTIONS_OFFSET + ring + slot * 8, 8);
  const word = (entry.mark << 48n) | (BigInt(entry.lengthBytes) << 32n) | BigInt(entry.offset) | BigInt(entry.kind);
  new DataView(bytes.buffer, bytes.byteOffset).setBigUint64(0, word, true);
}

/** Of a slot of the first connection. `arena`: REQUEST_ARENA_OFFSET or RESPONSE_ARENA_OFFSET. */
export function payloadOffset(arena: number, slot: number, payloadBytes = 16): number {
  const strideBytes = constants.HEADER_BYTES + Math.ceil(payloadBytes / constants.LINE_BYTES) * constants.LINE_BYTES;
  return constants.CONNECTIONS_OFFSET + arena + slot * strideBytes + constants.HEADER_BYTES;
}
