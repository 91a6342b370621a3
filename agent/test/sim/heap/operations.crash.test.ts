/** A client dies at every access of every operation, and so does its recoverer: the heap is whole afterwards, and every byte comes back. */
import { describe, expect, test } from 'vitest';
import { audit, bury, heapClient, remains } from './heap-world.ts';
import { lostRaces } from './lost-races.ts';
import { castOf, type Scene, scenes } from './operations.ts';

describe.each([...scenes, ...lostRaces])('to $title', (scene) => {
  test('works', () => {
    const cast = castOf(scene);
    const prepared = scene.prepare(cast);
    scene.act(cast.victim.core, prepared as never, cast);
    expect(audit(cast.world)).toEqual([]);
    scene.afterwards?.(cast.bystander.core, prepared as never, cast);
    expect(remains(cast.world, { named: namedBy(scene, true) })).toEqual([]);
  });

  test('may end at every access', () => {
    const deaths = sweep(scene);
    expect(deaths).toBeGreaterThan(10);
  });
});

function namedBy({ named }: Scene, done: boolean): number {
  return typeof named === 'function' ? named(done) : (named ?? 0);
}

/** How many deaths there were. */
function sweep(scene: Scene): number {
  const cast = castOf(scene);
  const { world, victim, bystander } = cast;
  const prepared = scene.prepare(cast) as never;
  const undertaker = heapClient(world, 4);
  const before = world.snapshot();
  for (let access = 1; ; access++) {
    world.restore(before);
    victim.crashAtAccess(access);
    victim.attempt((core) => scene.act(core, prepared, cast));
    if (!victim.isDead) return access - 1;
    bury(undertaker, [victim]);
    const problems = [...audit(world)];
    if (problems.length === 0) {
      scene.afterwards?.(bystander.core, prepared, cast);
      problems.push(...remains(world, { named: namedBy(scene, false) }));
    }
    if (problems.length > 0) throw new Error(`dead at access ${access}: ${problems.slice(0, 5).join('; ')}`);
  }
}
