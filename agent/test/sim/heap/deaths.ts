/**
 * Deaths of a scene's victim, and of those who bury it. Dying before a load is dying before the next write, because nobody else saw
 * the difference; so the moments that count are the writes, and the end.
 */
import { codes, constants } from '../../../src/layout/index.ts';
import { isWrite } from '../memory-profile.ts';
import { randomFrom } from '../schedules.ts';
import { call, type Program, type SimulatedClient, type World, type WorldSnapshot } from '../simulator.ts';
import { audit, bury, type HeapOptions, heapClient, heapOf, placesOf, remains, root } from './heap-world.ts';
import { type Cast, castOf, type Scene, setName } from './operations.ts';

/** A scene that is prepared, and can be begun as often as one likes. */
export interface Stage {
  readonly scene: Scene;
  readonly cast: Cast;
  readonly prepared: never;
  /** A client of the heap, and a thread that has not joined: both may bury. */
  readonly undertakers: readonly [SimulatedClient, SimulatedClient];
  readonly heir: SimulatedClient;
  readonly before: WorldSnapshot;
}

/** `used`: memory that nobody has held something before: every word of it names an object of the bystander's, or looks like a corpse's. */
export function stageOf(scene: Scene, options: HeapOptions & { readonly used?: boolean } = {}): Stage {
  const cast = castOf(scene, options);
  const prepared = scene.prepare(cast) as never;
  const { world } = cast;
  const undertakers = [heapClient(world, 4), world.client(5)] as const;
  const heir = heapClient(world, 6);
  if (options.used === true) fillFreeSegments(cast);
  return { scene, cast, prepared, undertakers, heir, before: world.snapshot() };
}

function fillFreeSegments({ world, bystander }: Cast): void {
  const object = (bystander.core.shmPayload(root(bystander.core.shmAlloc(16, 0))) >>> 0) - constants.OBJECT_HEADER_BYTES;
  const { segments, shape } = heapOf(world);
  for (const { index, state } of segments) {
    if (state !== 'free') continue;
    const bytes = world.poolBytes(shape.segmentsOffset + index * shape.segmentBytes, shape.segmentBytes);
    new BigUint64Array(bytes.buffer, bytes.byteOffset, bytes.length >> 3).fill(BigInt(object));
  }
}

/** Begins the scene again; the victim dies instead of making its n-th access, or after its last one (0). */
export function playUntil({ scene, cast, prepared, before }: Stage, access: number): void {
  const { world, victim } = cast;
  world.restore(before);
  victim.crashAtAccess(access);
  victim.attempt((core) => scene.act(core, prepared, cast));
  victim.kill();
}

/** The accesses at which the victim's death makes a difference, and 0 for a death after the last. */
export function deathsOf(stage: Stage): readonly number[] {
  const { scene, cast, prepared, before } = stage;
  cast.world.restore(before);
  return [...writesOf(cast.victim, () => cast.victim.attempt((core) => scene.act(core, prepared, cast))), 0];
}

/** The numbers of those accesses that `action` makes as `client` which write. */
export function writesOf(client: SimulatedClient, action: () => void): readonly number[] {
  const writes: number[] = [];
  client.crashAtAccess(0);
  client.world.onAccess = (who, what) => {
    if (who === client && isWrite(what)) writes.push(client.accesses);
  };
  action();
  client.world.onAccess = undefined;
  return writes;
}

/** `count` of them, drawn by the seed, in order; all when there are no more than that. */
export function sampled<Item>(items: readonly Item[], count: number, seed: number): readonly Item[] {
  if (items.length <= count) return items;
  const random = randomFrom(seed);
  return items
    .map((item, place) => ({ item, place, draw: random() }))
    .sort((a, b) => a.draw - b.draw)
    .slice(0, count)
    .sort((a, b) => a.place - b.place)
    .map(({ item }) => item);
}

/** Deep tests take everything that they have time for; others what fits into the time of `make test`. */
export const isDeep = process.env.CXLPOD_DEEP === '1';

/** Each of them; in a deep test in an order that the seed draws, and as many as there is time for, well below the test's limit. */
export function* inTime<Item>(items: readonly Item[], seed: number, deepMs = 80_000): Generator<Item> {
  const endsAt = performance.now() + deepMs;
  const random = randomFrom(seed);
  const order = isDeep ? items.map((item) => ({ item, draw: random() })).sort((a, b) => a.draw - b.draw) : null;
  for (const item of order?.map((each) => each.item) ?? items) {
    if (isDeep && performance.now() > endsAt) return;
    yield item;
  }
}

/** What is wrong when all the dead are recovered, and what is left when everybody alive has left; the bystander's part between them. */
export function aftermath({ scene, cast, prepared, heir }: Stage): readonly string[] {
  const problems = [...audit(cast.world)];
  if (problems.length > 0) return problems;
  bury(
    heir,
    cast.world.clients.filter(({ isDead }) => isDead),
  );
  // Who died may have left its name with something in it; nobody is kept from clearing it.
  setName(heir, 'tree', 0);
  if (!cast.bystander.isDead) scene.afterwards?.(cast.bystander.core, prepared, cast);
  const named = typeof scene.named === 'function' ? scene.named(false) : (scene.named ?? 0);
  return remains(cast.world, { named });
}

/** As `bury`, as a program: others run between its accesses. Two may do it at the same time: one of them is told so. */
export function* burying(world: World, dead: readonly SimulatedClient[], note: (problem: string) => void): Program {
  const fenced: (readonly [id: number, incarnation: number])[] = [];
  for (const { machine, process } of dead) {
    for (const id of placesOf(world)) {
      const incarnation = yield call('fenceIfOf', id, machine, process);
      if (incarnation !== 0) fenced.push([id, incarnation]);
    }
  }
  for (const [id, incarnation] of fenced) {
    const code = yield call('recoverClient', id, incarnation);
    if (code !== codes.OK && code !== codes.ALREADY && code !== codes.IN_PROGRESS) note(`recoverClient answered ${code}`);
  }
}
