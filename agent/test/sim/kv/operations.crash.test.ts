/**
 * A writer or a reader dies at every access of every operation on a store: once it is recovered the heap is whole, every key has its
 * old value or its new one, the next writer takes the partition over, and every byte comes back when the store is taken away.
 */
import { describe, expect, test } from 'vitest';
import { crashPoints } from '../../../src/crash-points/index.ts';
import { codes } from '../../../src/layout/index.ts';
import { audit, bury, expectCode, heapClient } from '../heap/heap-world.ts';
import { sweep } from './kv-checks.ts';
import { kvWorld, reads, versionOf } from './kv-world.ts';
import { aftermath, kvScenes, play, type Stage, stageOf } from './scenes.ts';

const reached = new Set<string>();

describe.each(kvScenes)('to $title', (scene) => {
  test('works', () => {
    const stage = stageOf(scene);
    play(stage, () => {});
    expect(stage.kv.keys.map((key) => versionOf(stage.undertaker, key))).toEqual(scene.after);
    expect(audit(stage.kv.world)).toEqual([]);
  });

  test('may end at every access', () => {
    const { problems, explored } = sweep(scene);
    expect(problems).toEqual([]);
    expect(explored).toBeGreaterThan(10);
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
