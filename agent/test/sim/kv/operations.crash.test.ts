/**
 * A writer or a reader dies at every access of every operation on a store: once it is recovered the heap is whole, every key has its
 * old value or its new one, the next writer takes the partition over, and every byte comes back when the store is taken away.
 */
import { describe, expect, test } from 'vitest';
import { crashPoints } from '../../../src/crash-points/index.ts';
import { codes } from '../../../src/layout/index.ts';
import { audit, bury, expectCode, heapClient, remains } from '../heap/heap-world.ts';
import { setName } from '../heap/operations.ts';
import type { WorldSnapshot } from '../simulator.ts';
import { at, type KvWorld, kvWorld, type Participant, put, reads, storeName, versionOf } from './kv-world.ts';

interface KvScene {
  readonly title: string;
  /** Versions that the three keys may have after the act, or after a death in it: 0 for no value. */
  readonly before: readonly [number, number, number];
  readonly after: readonly [number, number, number];
  /** The reader dies, not the writer. */
  readonly isRead?: boolean;
  act(actor: Participant, kv: KvWorld): void;
}

const stored = (code: number, expected: number): void => expectCode('put', code, expected);

const kvScenes: readonly KvScene[] = [
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

interface Stage {
  readonly scene: KvScene;
  readonly kv: KvWorld;
  readonly actor: Participant;
  readonly undertaker: Participant;
  readonly begin: WorldSnapshot;
}

function stageOf(scene: KvScene, mutant = 0): Stage {
  const kv = kvWorld({ mutant });
  for (const [index, version] of scene.before.entries()) {
    if (version > 0) stored(at(kv.writer.client.core, put(kv.writer, kv.keys[index]!, version)), codes.OK);
  }
  const undertaker = reads(heapClient(kv.world, 4));
  return { scene, kv, actor: scene.isRead === true ? kv.reader : kv.writer, undertaker, begin: kv.world.snapshot() };
}

/** Plays the scene until the actor dies, if it does. */
function play({ kv, begin, actor, scene }: Stage, arm: () => void): void {
  kv.world.restore(begin);
  arm();
  actor.client.attempt(() => scene.act(actor, kv));
}

/** What is wrong after the actor's death and its recovery. */
function aftermath({ kv, scene, actor, undertaker }: Stage): readonly string[] {
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

function sweep(scene: KvScene, mutant = 0): number {
  const stage = stageOf(scene, mutant);
  for (let access = 1; ; access++) {
    play(stage, () => stage.actor.client.crashAtAccess(access));
    if (!stage.actor.client.isDead) return access - 1;
    const problems = aftermath(stage);
    if (problems.length > 0) throw new Error(`dead at access ${access}: ${problems.slice(0, 5).join('; ')}`);
  }
}

const reached = new Set<string>();

describe.each(kvScenes)('to $title', (scene) => {
  test('works', () => {
    const stage = stageOf(scene);
    play(stage, () => {});
    expect(stage.kv.keys.map((key) => versionOf(stage.undertaker, key))).toEqual(scene.after);
    expect(audit(stage.kv.world)).toEqual([]);
  });

  test('may end at every access', () => {
    expect(sweep(scene)).toBeGreaterThan(10);
  });

  test('may end at every crash point of a store', () => {
    const stage = stageOf(scene);
    for (const { name } of crashPoints.filter((point) => point.name.startsWith('kv/'))) {
      play(stage, () => stage.actor.client.arm(name));
      if (!stage.actor.client.isDead) continue;
      reached.add(name);
      expect(aftermath(stage), name).toEqual([]);
    }
  });

  test('so may who recovers it, at every access', () => {
    const stage = stageOf(scene);
    const heir = heapClient(stage.kv.world, 6);
    const begin = stage.kv.world.snapshot();
    const twice: Stage = { ...stage, begin };
    let explored = 0;
    for (let access = 1; ; access += 7) {
      play(twice, () => stage.actor.client.crashAtAccess(access));
      if (!stage.actor.client.isDead) break;
      for (let second = 1 + (access % 11); ; second += 11) {
        play(twice, () => stage.actor.client.crashAtAccess(access));
        heir.crashAtAccess(second);
        bury(heir, [stage.actor.client]);
        if (!heir.isDead) break;
        bury(stage.undertaker.client, [heir]);
        const problems = aftermath(twice);
        if (problems.length > 0)
          throw new Error(`dead at ${access}, its recoverer at ${second}: ${problems.slice(0, 5).join('; ')}`);
        explored++;
      }
    }
    expect(explored).toBeGreaterThan(20);
  });
});

test('to claim a partition, and die of it, keeps nobody from claiming it', () => {
  const { world, writer } = kvWorld({ partitions: 2 });
  const heir = reads(heapClient(world, 4));
  const begin = world.snapshot();
  for (let access = 1; ; access++) {
    world.restore(begin);
    writer.client.crashAtAccess(access);
    writer.client.attempt((core) => core.kvClaim(writer.store, 1));
    if (!writer.client.isDead) break;
    bury(heir.client, [writer.client]);
    for (const partition of [0, 1]) expectCode('claim', heir.client.core.kvClaim(heir.store, partition));
    expect(audit(world)).toEqual([]);
  }
  world.restore(begin);
  writer.client.arm('kv/claim/after-commit');
  writer.client.attempt((core) => core.kvClaim(writer.store, 1));
  expect(writer.client.isDead).toBe(true);
  reached.add('kv/claim/after-commit');
  expectCode('claim', heir.client.core.kvClaim(heir.store, 1), codes.BUSY);
  bury(heir.client, [writer.client]);
  expectCode('claim', heir.client.core.kvClaim(heir.store, 1));
});

test('no crash point of the store is left out', () => {
  const all = crashPoints.map(({ name }) => name).filter((name) => name.startsWith('kv/'));
  expect(all.filter((name) => !reached.has(name))).toEqual([]);
});

describe('the sweep notices', () => {
  test.each([
    [304, 'a node that carries an era which is not used up', 'put a key behind others'],
    [306, 'a replaced node whose followers are forgotten', 'replace the value of key 0 of 3'],
    [307, 'a partition that is taken from a writer which is not recovered', 'delete key 1 of 3'],
    [308, 'a value that is taken away before the new one is there', 'replace the value of key 1 of 3'],
  ])('mutant %i: %s', (mutant, _, title) => {
    const scene = kvScenes.find((each) => each.title === title)!;
    expect(() => sweep(scene, mutant)).toThrow(/dead at access|invariant/);
  });
});
