/**
 * A small pool with a heap, and what an undertaker does in it: pages of 512 bytes, segments of 4 KiB, so that every path of the
 * allocator is a few accesses away.
 */

import type { InspectedHeap } from '../../../src/inspect/heap/inspect-heap.ts';
import { codes, constants } from '../../../src/layout/index.ts';
import type { CoreExports } from '../../../src/pool/core.ts';
import type { MemoryMaker } from '../memory-profile.ts';
import { type SimulatedClient, World } from '../simulator.ts';

export interface HeapOptions {
  readonly mutant?: number;
  readonly memory?: MemoryMaker;
  readonly segments?: number;
  readonly flushPolicy?: number;
  readonly coherence?: number;
  readonly clientCount?: number;
}

/** A formatted world whose first client only formats: the keeper, who stays alive and holds nothing. */
export function heapWorld(options: HeapOptions = {}): World {
  const { mutant = 0, segments = 8, flushPolicy = constants.FLUSH_NONE, coherence = constants.COHERENCE_HARDWARE } = options;
  const { clientCount = 8 } = options;
  const world = new World({ mutant, ...(options.memory === undefined ? {} : { memory: options.memory }) });
  const keeper = world.client(9);
  expectCode('shapeHeap', keeper.core.shapeHeap(clientCount, 9, 12, segments, 4, 4, 3, flushPolicy, coherence));
  expectCode('format', keeper.core.format(9, keeper.process, 0, 0));
  return world;
}

/** A client that has joined and opened the heap. */
export function heapClient(world: World, machine: number, quotaSegments = 0): SimulatedClient {
  const client = world.client(machine);
  expectCode('join', client.core.join(machine, client.process, 0));
  expectCode('shmOpen', client.core.shmOpen(quotaSegments));
  return client;
}

export function expectCode(what: string, code: number, expected: number = codes.OK): void {
  if (code !== expected) throw new Error(`${what} answered ${code} instead of ${expected}`);
}

/** The offset that an export answered; throws when it is a code. */
export function root(answer: number): number {
  if (answer >>> 0 < codes.CODE_LIMIT) throw new Error(`an offset was expected, not code ${answer}`);
  return answer >>> 0;
}

/** Fences and recovers the dead, in the order given, as an agent does that has seen their end. May die as well. */
export function bury(undertaker: SimulatedClient, dead: readonly SimulatedClient[]): void {
  const { world } = undertaker;
  undertaker.attempt((core) => {
    // All fences first: what a dead recoverer had claimed is free only then.
    const fenced: (readonly [id: number, incarnation: number])[] = [];
    for (const { machine, process } of dead) {
      for (const id of placesOf(world)) {
        const incarnation = core.fenceIfOf(id, machine, process);
        if (incarnation !== 0) fenced.push([id, incarnation]);
      }
    }
    for (const [id, incarnation] of fenced) expectCode('recoverClient', core.recoverClient(id, incarnation));
  });
}

/** Places of the client table that a world uses: the first ones, and those of recoverers. */
export function placesOf(world: World): readonly number[] {
  const count = world.clients.length;
  const recoverers = Array.from({ length: constants.RECOVERER_COUNT }, (_, index) => constants.CLIENT_COUNT - 1 - index);
  return [...Array.from({ length: count }, (_, id) => id), ...recoverers];
}

/** What is wrong with the whole pool, at a moment in which everybody alive is between two operations. */
export function audit(world: World): readonly string[] {
  world.settle();
  return world.inspect({ heap: true }).problems;
}

export function heapOf(world: World): InspectedHeap {
  const { heap } = world.inspect({ heap: true });
  if (heap === undefined) throw new Error('this pool has no heap');
  return heap;
}

/**
 * After the dead are recovered: what is wrong now, and what is wrong after everybody alive has left and a last client has collected
 * what nobody uses: then every byte must have come back, but for what named roots hold.
 */
export function remains(world: World, options: { readonly named?: number } = {}): readonly string[] {
  const problems = [...audit(world)];
  const { heap } = world.inspect({ heap: true });
  if (heap !== undefined && heap.unreachable > 0) problems.push(`${heap.unreachable} objects are unreachable`);
  if (problems.length > 0) return problems;
  for (const client of world.clients) client.attempt((core) => (core.selfClient() >= 0 ? core.leave() : 0));
  const last = world.client(9);
  last.attempt((core: CoreExports) => {
    core.join(9, last.process, 0);
    core.shmOpen(0);
    core.shmCollect();
    core.leave();
  });
  problems.push(...audit(world).map((problem) => `after everybody left: ${problem}`));
  const left = heapOf(world);
  if (left.objects !== (options.named ?? 0)) problems.push(`${left.objects} objects are left`);
  if (left.corpses > 0) problems.push(`${left.corpses} corpses are left`);
  if (left.queues.length > 0) problems.push(`${left.queues.length} queues are left`);
  const claimed = left.segments.filter(({ state }) => state !== 'free');
  if ((options.named ?? 0) === 0 && claimed.length > 0) problems.push(`${claimed.length} segments are not free`);
  return problems;
}
