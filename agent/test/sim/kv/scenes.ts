/** Every operation on a store as a scene: what was there, who does what until it dies, and what must be true once it is recovered. */
import { codes } from '../../../src/layout/index.ts';
import { audit, bury, expectCode, heapClient, remains } from '../heap/heap-world.ts';
import { setName } from '../heap/operations.ts';
import type { WorldSnapshot } from '../simulator.ts';
import { at, type KvOptions, type KvWorld, kvWorld, type Participant, put, reads, storeName, versionOf } from './kv-world.ts';

export interface KvScene {
  readonly title: string;
  /** Versions that the three keys may have after the act, or after a death in it: 0 for no value. */
  readonly before: readonly [number, number, number];
  readonly after: readonly [number, number, number];
  /** The reader dies, not the writer. */
  readonly isRead?: boolean;
  act(actor: Participant, kv: KvWorld): void;
}

const stored = (code: number, expected: number): void => expectCode('put', code, expected);

export const kvScenes: readonly KvScene[] = [
  {
    title: 'put the first key of a bucket',
    before: [0, 0, 0],
    after: [1, 0, 0],
    act: (actor, { keys }) => stored(at(actor.client.core, put(actor, keys[0], 1)), codes.OK),
  },
  {
    title: 'put a key behind others',
    before: [1, 1, 0],
    after: [1, 1, 1],
    act: (actor, { keys }) => stored(at(actor.client.core, put(actor, keys[2], 1)), codes.OK),
  },
  ...([0, 1, 2] as const).map(
    (place): KvScene => ({
      title: `replace the value of key ${place} of 3`,
      before: [1, 1, 1],
      after: [place === 0 ? 2 : 1, place === 1 ? 2 : 1, place === 2 ? 2 : 1],
      act: (actor, { keys }) => stored(at(actor.client.core, put(actor, keys[place], 2)), codes.ALREADY),
    }),
  ),
  ...([0, 1, 2] as const).map(
    (place): KvScene => ({
      title: `delete key ${place} of 3`,
      before: [1, 1, 1],
      after: [place === 0 ? 0 : 1, place === 1 ? 0 : 1, place === 2 ? 0 : 1],
      act: (actor, { keys }) => expectCode('delete', actor.client.core.kvDelete(actor.store, keys[place], 0)),
    }),
  ),
  {
    title: 'get a key, and one that is not there',
    before: [1, 1, 0],
    after: [1, 1, 0],
    isRead: true,
    act: (actor, { keys }) => {
      for (const key of keys) versionOf(actor, key);
    },
  },
];

export interface Stage {
  readonly scene: KvScene;
  readonly kv: KvWorld;
  readonly actor: Participant;
  readonly undertaker: Participant;
  readonly begin: WorldSnapshot;
}

export function stageOf(scene: KvScene, options: KvOptions = {}): Stage {
  const kv = kvWorld(options);
  for (const [index, version] of scene.before.entries()) {
    if (version > 0) stored(at(kv.writer.client.core, put(kv.writer, kv.keys[index]!, version)), codes.OK);
  }
  const undertaker = reads(heapClient(kv.world, 4));
  return { scene, kv, actor: scene.isRead === true ? kv.reader : kv.writer, undertaker, begin: kv.world.snapshot() };
}

/** Plays the scene until the actor dies, if it does. */
export function play({ kv, begin, actor, scene }: Stage, arm: () => void): void {
  kv.world.restore(begin);
  arm();
  actor.client.attempt(() => scene.act(actor, kv));
}

/** What is wrong after the actor's death and its recovery. */
export function aftermath({ kv, scene, actor, undertaker }: Stage): readonly string[] {
  const { world, keys } = kv;
  const problems: string[] = [];
  // What is seen before anybody recovered the dead is seen after it as well, or the new value instead.
  const early = keys.map((key) => versionOf(undertaker, key));
  if (scene.isRead !== true && undertaker.client.core.kvClaim(undertaker.store, 0) !== codes.BUSY) {
    problems.push('the partition of a writer that is not recovered was taken over');
  }
  bury(undertaker.client, [actor.client]);
  problems.push(...audit(world));
  if (problems.length > 0) return problems;
  const late = keys.map((key) => versionOf(undertaker, key));
  const [before, after] = [scene.before.join(), scene.after.join()];
  if (late.join() !== before && late.join() !== after) problems.push(`the keys have versions ${late}, not ${before} or ${after}`);
  if (early.join() === after && late.join() !== after) problems.push(`versions ${early} were seen, and are ${late} now`);

  const heir = scene.isRead === true ? kv.writer : undertaker;
  if (scene.isRead !== true) expectCode('claim', heir.client.core.kvClaim(heir.store, 0));
  for (const key of keys) {
    at(heir.client.core, put(heir, key, 3));
    if (versionOf(undertaker, key) !== 3) problems.push(`key ${key} does not have its heir's value`);
  }
  for (const key of keys) expectCode('delete', heir.client.core.kvDelete(heir.store, key, 0));
  for (const key of keys) {
    if (versionOf(undertaker, key) !== 0) problems.push(`key ${key} was deleted, and has a value`);
  }
  setName(heir.client, storeName, 0);
  problems.push(...remains(world));
  return problems;
}
