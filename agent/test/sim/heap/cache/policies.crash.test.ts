/** What the policies none and process crash are good for, and on which devices there is no heap at all. */
import { describe, expect, test } from 'vitest';
import { codes, constants } from '../../../../src/layout/index.ts';
import { writeBackMemory } from '../../memory/write-back.ts';
import { firstSeed } from '../../schedules.ts';
import type { World } from '../../simulator.ts';
import { isDeep } from '../deaths.ts';
import { audit, expectCode, heapClient, heapWorld, root } from '../heap-world.ts';
import { scenes } from '../operations.ts';
import { act, begin, buryUntil, cacheStage, momentsOf, split } from './power-off.ts';
import { type Extent, plots, sweep } from './sweep.ts';

const seed = firstSeed(1);
const extent: Extent = { seed, deaths: isDeep ? 1_000 : 25, recoveries: 0, rounds: isDeep ? 4 : 1 };

describe('on a coherent device, without a flush', () => {
  test.each(scenes)(`a killed process takes nothing with it: $title (seed ${seed})`, (scene) => {
    const { runs, problems } = sweep(scene, plots.killed, extent, { flushPolicy: constants.FLUSH_NONE });
    expect(problems).toEqual([]);
    expect(runs).toBeGreaterThan(10);
  });

  test.each([
    { policy: 'none', flushPolicy: constants.FLUSH_NONE },
    { policy: 'process crash', flushPolicy: constants.FLUSH_PROCESS },
  ])('a machine does: policy $policy', ({ flushPolicy }) => {
    const scene = scenes.find(({ title }) => title === 'attach and detach')!;
    expect(sweep(scene, plots.split, { ...extent, deaths: 60, rounds: 4 }, { flushPolicy }).problems).not.toEqual([]);
  });

  test.each(scenes)(
    `nothing is lost by a machine that empties its caches when its power fails: $title (seed ${seed})`,
    (scene) => {
      const stage = cacheStage(scene, split, { flushPolicy: constants.FLUSH_NONE });
      const { world, victim } = stage.cast;
      begin(stage, seed);
      const moments = momentsOf(victim, () => act(stage, 0));
      for (const death of moments.filter((_, index) => isDeep || index % 8 === 0)) {
        begin(stage, seed + death);
        act(stage, death);
        // What waits in store buffers is emptied by the same signal (GPF ends with the caches).
        world.memory.endClient(victim.index, victim.machine);
        world.crashMachine(split.victim, { persistsCaches: true });
        buryUntil(stage.undertaker, 0);
        expect(audit(world), `dead at ${death}`).toEqual([]);
      }
    },
  );
});

/** Accesses of one call, at most: a swap against a line that stays stale never ends. */
const callLimit = 5_000;

/** A heap that claims more of its device than that gives: formatted, opened by two machines, used. What went wrong first. */
function useWithout(profile: 'NC' | 'NC+NM', flushPolicy: number, settles: boolean): readonly string[] {
  const world: World = heapWorld({ flushPolicy, memory: writeBackMemory({ profile, seed, drainChance: 1, cacheChance: 0 }) });
  const settle = (): void => {
    if (settles) world.settle();
  };
  settle();
  try {
    const [first, second] = [1, 2].map((machine) => {
      const client = heapClient(world, machine);
      settle();
      return client;
    }) as [ReturnType<typeof heapClient>, ReturnType<typeof heapClient>];
    for (const client of [first, second]) client.crashAtAccess(callLimit);
    const object = root(first.core.shmAlloc(16, 0));
    settle();
    expectCode('set', first.core.shmSetName(first.name('shared'), object));
    settle();
    const theirs = root(second.core.shmGetName(second.name('shared')));
    settle();
    // Both at the same time: each has read the word before the other wrote it.
    for (const [client, held] of [
      [first, object],
      [second, theirs],
    ] as const)
      client.core.shmCount(held);
    const clones = [root(first.core.shmClone(object)), root(second.core.shmClone(theirs))];
    expect(clones).toHaveLength(2);
  } catch (error) {
    return [(error as Error).message, ...world.memory.problems];
  }
  world.settle();
  return [...world.memory.problems, ...audit(world)];
}

describe('on a device that is not coherent between machines', () => {
  test.each([constants.FLUSH_NONE, constants.FLUSH_PROCESS, constants.FLUSH_HOST])(
    'there is no heap, whatever the policy (%d): shmOpen refuses',
    (flushPolicy) => {
      const world = heapWorld({ flushPolicy, coherence: constants.COHERENCE_NONE });
      const client = world.client(1);
      expectCode('join', client.core.join(1, client.process, 0));
      expect(client.core.shmOpen(0)).toBe(codes.NOT_COHERENT);
    },
  );

  test.each([constants.FLUSH_NONE, constants.FLUSH_PROCESS, constants.FLUSH_HOST])(
    'two machines win the same swap, and counts break, though caches are emptied between operations (policy %d)',
    (flushPolicy) => {
      const problems = useWithout('NC', flushPolicy, true);
      expect(problems.join()).toMatch(/has count \d+, and \d+ references to it exist/);
    },
  );

  test.each([constants.FLUSH_NONE, constants.FLUSH_PROCESS, constants.FLUSH_HOST])(
    'compare-and-swap at the memory is not enough: words that are swapped are also stored, and lie in cached lines (policy %d)',
    (flushPolicy) => {
      for (const settles of [false, true]) {
        expect(useWithout('NC+NM', flushPolicy, settles).join()).toMatch(/a near-memory change at \d+ while the line is dirty/);
      }
    },
  );
});
