/**
 * Scenes for the heaps that CXL-SHM is compared with: who is in them, what a life of the heap with a lock is, what stands in the
 * bytes afterwards.
 */
import { inspectLockHeap, inspectNaiveHeap } from '../../src/inspect/inspect-baselines.ts';
import { codes, constants } from '../../src/layout/index.ts';
import type { CoreExports } from '../../src/pool/core.ts';
import { bury } from './life.ts';
import { writeBackMemory } from './memory/write-back.ts';
import { type SimulatedClient, World, type WorldSnapshot } from './simulator.ts';

/** Looks at the lock in one call; in a scene where clients act one after the other, one would do. */
export const looks = 3;

export interface Scene {
  readonly world: World;
  /** Dies, if anybody does. */
  readonly victim: SimulatedClient;
  /** Works beside it. */
  readonly survivor: SimulatedClient;
}

/** Rooms by their mutant and size: going back to the beginning of one is cheaper than a new one. */
const prepared = new Map<string, { readonly scene: Scene; readonly beginning: WorldSnapshot }>();

export interface SceneOptions {
  readonly mutant?: number;
  readonly clientLimit?: number;
  /** Each client has a store buffer and each machine a cache, kept coherent; what these do by themselves is drawn from it. */
  readonly cacheSeed?: number;
}

/** A formatted pool with two clients. The scene before, of the same options but for the seed, is over. */
export function freshScene({ mutant = 0, clientLimit = 16, cacheSeed }: SceneOptions = {}): Scene {
  const key = `${mutant} ${clientLimit} ${cacheSeed === undefined ? '' : 'cached'}`;
  const known = prepared.get(key);
  if (known !== undefined) {
    known.scene.world.restore(known.beginning);
    if (cacheSeed !== undefined) known.scene.world.memory.reseed(cacheSeed);
    return known.scene;
  }
  const memory = cacheSeed === undefined ? {} : { memory: writeBackMemory({ profile: 'COH', seed: cacheSeed }) };
  const world = new World({ mutant, clientLimit, ...memory });
  const scene = { world, victim: world.client(1), survivor: world.client(2) };
  scene.victim.core.format(1, scene.victim.process, 0, 0);
  for (const client of [scene.victim, scene.survivor]) client.core.join(client.machine, client.process, 0);
  prepared.set(key, { scene, beginning: world.snapshot() });
  return scene;
}

/** One more participant, who has joined and nothing else. */
export function newcomer(world: World): SimulatedClient {
  const client = world.client(3);
  client.core.join(client.machine, client.process, 0);
  return client;
}

/** Who is dead is fenced and recovered, as agents do; the heaps are not touched by that. */
export function buryTheDead(world: World): void {
  const undertaker = world.client(9);
  bury(
    undertaker,
    world.clients.filter((client) => client.isDead),
  );
}

/** What is wrong with both heaps. */
export function problemsOf(world: World): readonly string[] {
  world.settle();
  const { clients, problems: others } = world.inspect();
  const problems = [...others];
  const bytes = world.poolBytes(0, constants.CONTROL_BYTES);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  inspectLockHeap(view, clients, problems);
  inspectNaiveHeap(view, problems);
  return problems;
}

// -- the heap with a lock -----------------------------------------------------------------------------------------------------

type Step = (core: CoreExports) => number;

/** Every operation, each with every way it can go: first and other references, last and not, lists that are empty and not. */
export const victimsLife: readonly Step[] = [
  (core) => core.lockOpen(looks),
  (core) => core.lockAlloc(0, looks),
  (core) => core.lockAlloc(1, looks),
  (core) => core.lockAttach(2, core.lockBlockAt(core.selfClient(), 0), looks),
  // The survivor's block, allocated first.
  (core) => core.lockAttach(3, 0, looks),
  (core) => core.lockDetach(0, looks),
  (core) => core.lockDetach(2, looks),
  (core) => core.lockAlloc(0, looks),
  (core) => core.lockDetach(1, looks),
];

/** The survivor's part before the victim begins. */
export function beginSurvivor({ survivor }: Scene): void {
  const { core } = survivor;
  const answers = [core.lockOpen(looks), core.lockAlloc(0, looks), core.lockAlloc(1, looks), core.lockAttach(2, 0, looks)];
  if (answers.some((answer) => answer !== codes.OK)) throw new Error(`the survivor was answered ${answers}`);
}

/** Plays the victim's life until it ends or dies; how many steps it saw the end of. */
export function playVictim({ victim }: Scene): number {
  for (const [index, step] of victimsLife.entries()) {
    const answer = victim.attempt(step);
    if (victim.isDead) return index;
    if (answer !== codes.OK) throw new Error(`step ${index} of the victim was answered ${answer}`);
  }
  return victimsLife.length;
}

/** All that operations change, to be compared with what stood there at another time. */
export function contentsOf(world: World): string {
  world.settle();
  const at = (offset: number, length: number): string =>
    Buffer.from(world.poolBytes(constants.BASELINE_OFFSET + offset, length)).toString('base64');
  return [
    at(constants.LOCK_HEAP_LINE, constants.LINE_BYTES),
    at(constants.LOCK_BLOCKS_OFFSET, constants.LOCK_BLOCK_COUNT * 8),
    at(constants.LOCK_SLOTS_OFFSET, constants.CLIENT_COUNT * constants.LOCK_SLOTS_PER_CLIENT * 8),
  ].join(' ');
}

/** The contents before each step of the victim's life, and after the last. */
export function contentsOfALife(): readonly string[] {
  const scene = freshScene();
  beginSurvivor(scene);
  const contents = [contentsOf(scene.world)];
  for (const step of victimsLife) {
    step(scene.victim.core);
    contents.push(contentsOf(scene.world));
  }
  return contents;
}

/** Everybody has stopped; `opener` comes and opens the heap, then drops what the dead held. What is wrong then. */
export function remainsAfterRestart(world: World, opener: SimulatedClient, expected: readonly string[]): readonly string[] {
  const opened = opener.core.lockOpen(looks);
  if (opened !== codes.OK) return [`the first after a full stop was answered ${opened}`];
  const problems = [...problemsOf(world)];
  if (!expected.includes(contentsOf(world))) problems.push('an operation took effect in part, or one that had ended did not');
  for (let client = 0; client < world.clients.length; client++) {
    const dropped = opener.core.lockDrop(client, looks);
    if (dropped !== codes.OK) problems.push(`dropping what client ${client} held was answered ${dropped}`);
  }
  for (let block = 0; block < constants.LOCK_BLOCK_COUNT; block++) {
    if (opener.core.lockCount(block) !== 0) problems.push(`block ${block} was not given back`);
  }
  return [...problems, ...problemsOf(world)];
}
