/**
 * What a call costs where the device keeps no coherence, by the way in which the connection is shared. Counted in bursts: the caller sends a whole
 * window, the server answers it, the caller takes the answers, so that nobody looks in vain. Everything but the connection's word is on the device.
 */
import { constants } from '../../src/layout/index.ts';
import { connectTo, listenAs } from './calls.ts';
import type { DeviceAccesses } from './memory/cached-memory.ts';
import { type WriteBackMemory, writeBackMemory } from './memory/write-back.ts';
import type { Kind } from './memory-profile.ts';
import { isIncoherent, ways } from './sharing-checks.ts';
import { type SimulatedClient, World } from './simulator.ts';

/** Of one call, both sides together. */
export interface SharingCost {
  /** Lines fetched from the device: each is waited for. */
  readonly misses: number;
  /** Of the server, and of the caller, which work at the same time: the larger one bounds how many calls there can be. */
  readonly missesOf: readonly [server: number, caller: number];
  /** Lines fetched ahead, while others are worked on. */
  readonly prefetches: number;
  /** Lines written to it, and words that were stored past the cache: nobody waits but a fence. */
  readonly writeBacks: number;
  readonly stores: number;
  /** Instructions. */
  readonly flushes: number;
  readonly fences: number;
  /** Calls of the addon in the release build, for lines and words; its fences are in them. */
  readonly addonCalls: number;
}

const laps = 4;

export interface SharedCall {
  readonly sharing: number;
  /** 0: the call is its entry, a reference and nothing that is read. */
  readonly payloadBytes: number;
  readonly depth: number;
  /** Default 4. */
  readonly windowLog2?: number;
  /** Processors may ignore a prefetch. */
  readonly ignoresHints?: boolean;
}

export function costOfSharedCall({
  sharing,
  payloadBytes,
  depth,
  windowLog2 = 4,
  ignoresHints = false,
}: SharedCall): SharingCost {
  const quiet = { seed: 1, drainChance: 1, cacheChance: 0, ignoresHints };
  const world = new World({ memory: writeBackMemory({ profile: 'NC', ...quiet, covers: isIncoherent }) });
  const [server, caller] = [world.client(1), world.client(2)];
  server.core.format(1, server.process, 0, 0);
  for (const client of [server, caller]) client.core.join(client.machine, client.process, 0);
  listenAs(server, 'cost', { windowLog2, payloadBytes: Math.max(64, payloadBytes), sharing });
  connectTo(caller, 'cost');
  const sides = [server, caller];
  const bursts = (laps << windowLog2) / depth;
  for (let burst = 0; burst < bursts; burst++) exchange(server, caller, depth, payloadBytes);
  const memory = world.memory as WriteBackMemory;
  const before = sides.map(({ index }) => ({ ...memory.deviceAccesses(index) }));
  for (const side of sides) side.forgetCounts();
  for (let burst = 0; burst < bursts; burst++) exchange(server, caller, depth, payloadBytes);
  const calls = bursts * depth;
  const of = (side: 0 | 1, what: keyof DeviceAccesses): number =>
    (memory.deviceAccesses(sides[side]!.index)[what] - before[side]![what]) / calls;
  const device = (what: keyof DeviceAccesses): number => of(0, what) + of(1, what);
  const count = (...kinds: Kind[]): number =>
    sides.reduce((sum, side) => sum + kinds.reduce((own, kind) => own + side.countOf(kind), 0), 0) / calls;
  const lineStores = count('storeThrough') === 0 ? 0 : 2 * (1 + Math.ceil(payloadBytes / constants.LINE_BYTES));
  return {
    misses: device('misses'),
    missesOf: [of(0, 'misses'), of(1, 'misses')],
    prefetches: device('prefetches'),
    writeBacks: device('writeBacks'),
    stores: device('direct'),
    flushes: count('writeBack', 'invalidate'),
    fences: count('storeFence', 'fullFence'),
    addonCalls: count('writeBack', 'invalidate', 'prefetch') + lineStores,
  };
}

function exchange(server: SimulatedClient, caller: SimulatedClient, calls: number, payloadBytes: number): void {
  // Without a look: sent, and not waited for.
  caller.core.rpcCallBatch(0, calls, payloadBytes, calls, 0);
  drain(caller);
  const served = server.core.rpcServeLoop(0, calls, 2);
  drain(server);
  const answered = caller.core.rpcCallBatch(0, calls, payloadBytes, calls, 2);
  if (served !== 0 || answered !== 0) throw new Error(`the calls ended with codes ${served}, ${answered}`);
}

function drain({ world, index, machine }: SimulatedClient): void {
  world.memory.endClient(index, machine);
}

const row = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
const show = (value: number): string => String(Math.round(value * 1000) / 1000);

const rows = [
  { title: '64 bytes, one call at a time', payloadBytes: 64, depth: 1 },
  { title: '64 bytes, 16 in flight', payloadBytes: 64, depth: 16 },
  { title: 'reference only, 16 in flight', payloadBytes: 0, depth: 16 },
] as const;

/** A Markdown table. */
export function sharingTable(): string {
  return [
    row([
      'call',
      'sharing',
      'lines fetched',
      'fetched ahead',
      'lines written back',
      'words past the cache',
      'flushes',
      'fences',
      'calls of the addon',
    ]),
    row(['---', '---', '---:', '---:', '---:', '---:', '---:', '---:', '---:']),
    ...rows.flatMap(({ title, ...options }) =>
      ways.map(({ name, sharing }) => {
        const { misses, prefetches, writeBacks, stores, flushes, fences, addonCalls } = costOfSharedCall({ sharing, ...options });
        return row([title, name, ...[misses, prefetches, writeBacks, stores, flushes, fences, addonCalls].map(show)]);
      }),
    ),
  ].join('\n');
}

/** The whole window in flight: past the cache at each look (`lines`), and by lines of entries. */
const receivers = [
  { title: 'one that receives references', payloadBytes: 0, waits: ([server]: SharingCost['missesOf']) => server },
  { title: 'calls, reference only', payloadBytes: 0, waits: (of: SharingCost['missesOf']) => Math.max(...of) },
  { title: 'calls of 64 bytes', payloadBytes: 64, waits: (of: SharingCost['missesOf']) => Math.max(...of) },
] as const;

/** Lines that the slower side waits for, for one message: past the cache, in the fast mode with prefetches that are ignored, and with such that come in time. */
function waitsOfReceiver(
  { payloadBytes, waits }: (typeof receivers)[number],
  windowLog2: number,
): { readonly past: number; readonly serial: number; readonly ahead: number } {
  const lines = (sharing: number, ignoresHints: boolean): number =>
    waits(costOfSharedCall({ sharing, payloadBytes, depth: 2 ** windowLog2, windowLog2, ignoresHints }).missesOf);
  return {
    past: lines(constants.SHARING_LINES, false),
    serial: lines(constants.SHARING_FAST, true),
    ahead: lines(constants.SHARING_FAST, false),
  };
}

/** A Markdown table: lines that the slower side waits for, for one message; and how often less that is in the fast mode. */
export function receiverTable(): string {
  return [
    row(['saturated', 'window', 'past the cache', 'fast, prefetch ignored', 'fast', 'throughput, modelled']),
    row(['---', '---:', '---:', '---:', '---:', '---:']),
    ...receivers.flatMap((receiver) =>
      [4, 6].map((windowLog2) => {
        const { past, serial, ahead } = waitsOfReceiver(receiver, windowLog2);
        const factor = `${(past / serial).toFixed(1)} × to ${(past / ahead).toFixed(1)} ×`;
        return row([receiver.title, String(2 ** windowLog2), show(past), show(serial), show(ahead), factor]);
      }),
    ),
  ].join('\n');
}
