/**
 * Scenes of the heap over write-back caches: a machine loses its power while somebody on it works, or recovers, and what it had not
 * written back is gone. Then the heap is whole, and what an operation returned before that holds (docs/flush-policy.md).
 */

import { constants } from '../../../../src/layout/index.ts';
import type { CoreExports } from '../../../../src/pool/core.ts';
import { type WriteBackOptions, writeBackMemory } from '../../memory/write-back.ts';
import { kinds, MemoryFault } from '../../memory-profile.ts';
import { Crash, type SimulatedClient, type World, type WorldSnapshot } from '../../simulator.ts';
import {
  audit,
  bury,
  expectCode,
  type HeapOptions,
  heapClient,
  heapOf,
  heapWorld,
  placesOf,
  remains,
  root,
} from '../heap-world.ts';
import type { Cast, Scene } from '../operations.ts';
import { setName } from '../operations.ts';
import { observed } from './observed.ts';

/** Machines: of victim and bystander, of who recovers, of who recovers when that one is lost too. */
export interface Places {
  readonly victim: number;
  readonly bystander: number;
  readonly undertaker: number;
  readonly heir: number;
}

export const split: Places = { victim: 1, bystander: 2, undertaker: 4, heir: 5 };
/** Victim and bystander die together. */
export const together: Places = { victim: 1, bystander: 1, undertaker: 4, heir: 5 };
/** A killed process is recovered on its own machine, which then goes. */
export const atHome: Places = { victim: 1, bystander: 2, undertaker: 1, heir: 5 };

export interface CacheStage {
  readonly scene: Scene;
  readonly places: Places;
  readonly cast: Cast;
  readonly prepared: never;
  readonly undertaker: SimulatedClient;
  readonly heir: SimulatedClient;
  readonly before: WorldSnapshot;
  /** What the living see when the victim ended between its n-th operation and the next; filled when it is asked for. */
  readonly outcomes: Map<number, string>;
}

export function cacheStage(
  scene: Scene,
  places: Places,
  options: HeapOptions & {
    readonly writeBack?: Partial<WriteBackOptions>;
    readonly settles?: boolean;
    readonly used?: boolean;
  } = {},
): CacheStage {
  const { writeBack, settles = false, used = false, ...heap } = options;
  const world = heapWorld({ ...scene.options, ...heap, memory: writeBackMemory({ profile: 'COH', seed: 1, ...writeBack }) });
  // Who formatted the pool stays; so what it wrote is as good as on the device, and snapshots are small.
  world.settle();
  const inspect = world.inspect.bind(world);
  // Inspectors see what a coherent reader sees.
  world.inspect = (what) => {
    world.settle();
    return inspect(what);
  };
  const victim = heapClient(world, places.victim);
  const bystander = heapClient(world, places.bystander);
  const cast = { world, victim, bystander };
  const prepared = scene.prepare(cast) as never;
  const undertaker = heapClient(world, places.undertaker);
  const heir = heapClient(world, places.heir);
  if (used) fillFreeSegments(cast);
  if (settles) world.settle();
  return { scene, places, cast, prepared, undertaker, heir, before: world.snapshot(), outcomes: new Map() };
}

/** Memory that nobody has held something before: every word of it names an object of the bystander's, or looks like a corpse's. */
function fillFreeSegments({ world, bystander }: Cast): void {
  const object = (bystander.core.shmPayload(root(bystander.core.shmAlloc(16, 0))) >>> 0) - constants.OBJECT_HEADER_BYTES;
  const { segments, shape } = heapOf(world);
  for (const { index, state } of segments) {
    if (state !== 'free') continue;
    const bytes = world.poolBytes(shape.segmentsOffset + index * shape.segmentBytes, shape.segmentBytes);
    new BigUint64Array(bytes.buffer, bytes.byteOffset, bytes.length >> 3).fill(BigInt(object));
  }
}

/** Begins the scene again, with what is left to chance drawn from `seed`. */
export function begin({ cast, before }: CacheStage, seed: number): void {
  cast.world.restore(before);
  cast.world.memory.reseed(seed);
}

/** Runs `action` until it ends, or the client would be killed: whose store buffer is left as it is, other than by `attempt`. */
export function ends(action: () => void): boolean {
  try {
    action();
    return true;
  } catch (error) {
    if (error instanceof Crash || error instanceof MemoryFault) return false;
    throw error;
  }
}

/**
 * How the victim lets others know that an operation returned: with a locked write, so that they can know at once, or with a plain
 * store, which they see some time later. A promise is about what somebody can know.
 */
export type Telling = 'at once' | 'some time';

/** A word of the pool that the heap has nothing to do with. */
const diaryOffset = constants.CONTROL_BYTES;

function tell({ world, index, machine }: SimulatedClient, operations: number, telling: Telling): void {
  const what = kinds.store | (4 << 4) | (telling === 'at once' ? 1 << 8 : 0);
  world.memory.access(index, machine, what, world.historyBase - world.poolSizeBytes + diaryOffset, operations, 0, 0, 0);
}

/** The victim acts until its n-th access (0: to the end). How many of its operations returned. */
export function act(
  { scene, cast, prepared }: CacheStage,
  access: number,
  telling: Telling = 'at once',
  operations = Number.POSITIVE_INFINITY,
): number {
  let returned = 0;
  const core = Object.fromEntries(
    Object.entries(cast.victim.core).map(([name, exported]) => {
      if (typeof exported !== 'function') return [name, exported];
      const counted = (...args: readonly number[]): unknown => {
        if (returned === operations) throw new Crash('between two operations');
        const answer = (exported as (...args: readonly number[]) => unknown)(...args);
        returned++;
        tell(cast.victim, returned, telling);
        return answer;
      };
      return [name, counted];
    }),
  ) as unknown as CoreExports;
  cast.victim.crashAtAccess(access);
  ends(() => scene.act(core, prepared, cast));
  return returned;
}

/** Power-off of the victim's machine. */
export function loseVictim({ cast, places }: CacheStage): void {
  cast.world.crashMachine(places.victim);
}

export function deadOf(world: World): readonly SimulatedClient[] {
  return world.clients.filter(({ isDead }) => isDead);
}

/** As `bury`, but the undertaker's store buffer is left as it is when it would be killed. Whether it came to the end. */
export function buryUntil(undertaker: SimulatedClient, access: number): boolean {
  const { world } = undertaker;
  const dead = deadOf(world);
  undertaker.crashAtAccess(access === 0 ? recoveryLimit : access);
  const isWhole = ends(() => {
    const fenced: (readonly [id: number, incarnation: number])[] = [];
    for (const { machine, process } of dead) {
      for (const id of placesOf(world)) {
        const incarnation = undertaker.core.fenceIfOf(id, machine, process);
        if (incarnation !== 0) fenced.push([id, incarnation]);
      }
    }
    for (const [id, incarnation] of fenced) expectCode('recoverClient', undertaker.core.recoverClient(id, incarnation));
  });
  if (undertaker.accesses >= recoveryLimit) throw new Error(`recovery did not end within ${recoveryLimit} accesses`);
  undertaker.crashAtAccess(0);
  return isWhole;
}

/** Accesses of one recovery, at most: a list that a lost line made a circle has no end. */
const recoveryLimit = 50_000;

/** Accesses of `client` in `action` but its loads: the moments before which a power-off differs. */
export function momentsOf(
  client: SimulatedClient,
  action: () => void,
  counts: (what: number) => boolean = (what) => (what & 15) !== kinds.load,
): readonly number[] {
  const moments: number[] = [];
  client.crashAtAccess(0);
  client.world.onAccess = (who, what) => {
    if (who === client && counts(what)) moments.push(client.accesses);
  };
  action();
  client.world.onAccess = undefined;
  return moments;
}

/** What the living see when the victim (and who dies with it) ended after `operations` of its operations, and was recovered. */
function outcomeAfter(stage: CacheStage, operations: number): string {
  const known = stage.outcomes.get(operations);
  if (known !== undefined) return known;
  const { cast, places, heir } = stage;
  begin(stage, 1);
  act(stage, 0, 'at once', operations);
  for (const client of cast.world.clients) if (client.machine === places.victim) client.kill();
  bury(heir, deadOf(cast.world));
  const outcome = observed(cast.world);
  stage.outcomes.set(operations, outcome);
  return outcome;
}

/**
 * The outcomes that are allowed: an operation that returned is there, one in flight wholly or not at all. Before the runs that are
 * compared with them, for it runs the scene.
 */
export function learnOutcomes(stage: CacheStage): void {
  begin(stage, 1);
  const operations = act(stage, 0);
  for (let count = 0; count <= operations; count++) outcomeAfter(stage, count);
}

/** Nothing before the outcomes are learnt. */
export function brokenPromises(
  { outcomes, cast }: CacheStage,
  returned: number,
  telling: Telling = 'at once',
): readonly string[] {
  if (outcomes.size === 0) return [];
  const seen = observed(cast.world);
  const told = telling === 'at once' ? returned : cast.world.poolBytes(diaryOffset, 4)[0]!;
  const allowed: (string | undefined)[] = [];
  for (let operations = told; operations <= returned + 1; operations++) allowed.push(outcomes.get(operations));
  if (allowed.includes(seen)) return [];
  return [`after ${returned} operations the living see ${seen}, not ${allowed.join(' or ')}`];
}

/** Everybody dead is recovered: what is wrong now, and when everybody has left. */
export function aftermath({ scene, cast, prepared, heir }: CacheStage): readonly string[] {
  const problems = [...audit(cast.world)];
  if (problems.length > 0) return problems;
  for (const client of [heir, cast.bystander]) client.crashAtAccess(recoveryLimit);
  bury(heir, deadOf(cast.world));
  // Who died may have left its name with something in it; nobody is kept from clearing it.
  setName(heir, 'tree', 0);
  if (!cast.bystander.isDead) scene.afterwards?.(cast.bystander.core, prepared, cast);
  const named = typeof scene.named === 'function' ? scene.named(false) : (scene.named ?? 0);
  return remains(cast.world, { named });
}
