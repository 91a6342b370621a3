/** Every named gap of the heap is one in which somebody dies here, in some scene, as who works or as who recovers; the heap is whole afterwards. */
import { afterAll, describe, expect, test } from 'vitest';
import { crashPoints } from '../../../src/crash-points/index.ts';
import { firstSeed } from '../schedules.ts';
import { aftermath, deathsOf, playUntil, type Stage, sampled, stageOf } from './deaths.ts';
import { bury } from './heap-world.ts';
import { lostRaces } from './lost-races.ts';
import { scenes } from './operations.ts';

const points = crashPoints.filter(({ name }) => name.startsWith('shm/')).map(({ name }) => name);
const seed = firstSeed(1);
const reached = new Map<string, number>();

function check(stage: Stage, what: string): void {
  const problems = aftermath(stage);
  if (problems.length > 0) throw new Error(`${what}: ${problems.slice(0, 5).join('; ')}`);
}

describe.each([...scenes, ...lostRaces])('to $title', (scene) => {
  const stage = stageOf(scene);
  const { victim, world } = stage.cast;

  test('a client may end at every crash point on the way', () => {
    for (const point of points) {
      for (let hit = 1; hit <= 3; hit++) {
        world.restore(stage.before);
        victim.arm(point, hit);
        victim.attempt((core) => scene.act(core, stage.prepared, stage.cast));
        if (!victim.isDead) break;
        reached.set(point, (reached.get(point) ?? 0) + 1);
        bury(stage.undertakers[0], [victim]);
        check(stage, `dead at ${point}`);
      }
    }
  });

  test('so may who recovers it', () => {
    for (const death of sampled(deathsOf(stage), 6, seed)) {
      for (const point of points) {
        const [undertaker] = stage.undertakers;
        playUntil(stage, death);
        undertaker.arm(point);
        bury(undertaker, [victim]);
        if (!undertaker.isDead) continue;
        reached.set(point, (reached.get(point) ?? 0) + 1);
        bury(stage.heir, [undertaker, victim]);
        check(stage, `dead at ${death}, its recoverer at ${point}`);
      }
    }
  });
});

test('no crash point of the heap is left out', () => {
  expect(points.filter((point) => !reached.has(point))).toEqual([]);
});

afterAll(() => reached.clear());
