/**
 * The heaps that CXL-SHM is compared with do what they are said to do: a lock with a redo log survives that everybody dies, at any
 * access, and not that one does; naive counting survives neither, in either order.
 */
import { describe, expect, test } from 'vitest';
import { crashPoints } from '../../src/crash-points/index.ts';
import { codes, constants } from '../../src/layout/index.ts';
import { type Mistake, mistakes } from './baseline-mutants.ts';
import {
  beginSurvivor,
  buryTheDead,
  contentsOfALife,
  freshScene,
  looks,
  newcomer,
  playVictim,
  problemsOf,
  remainsAfterRestart,
  type Scene,
  type SceneOptions,
  victimsLife,
} from './baselines.ts';
import { randomFrom } from './schedules.ts';

const contents = contentsOfALife();
/** Accesses of the victim's life, at most; sweeps must end before. */
const sweepLimit = 5_000;

/** The victim dies at its n-th access, the survivor at the end of what it was doing; everybody is buried. */
function sceneAfterFullStop(n: number, options: SceneOptions = {}): Scene & { readonly completed: number } {
  const scene = freshScene(options);
  beginSurvivor(scene);
  scene.victim.crashAtAccess(n);
  const completed = playVictim(scene);
  const victimDied = scene.victim.isDead;
  scene.survivor.isDead = true;
  buryTheDead(scene.world);
  return { ...scene, completed: victimDied ? completed : -1 };
}

/** Problems after a full stop at any of the victim's accesses. */
function fullStops(options: (n: number) => SceneOptions = () => ({})): {
  readonly problems: readonly string[];
  readonly deaths: number;
} {
  const problems = new Set<string>();
  for (let n = 1; n < sweepLimit; n++) {
    const { world, completed } = sceneAfterFullStop(n, options(n));
    if (completed < 0) return { problems: [...problems], deaths: n - 1 };
    const expected = [contents[completed]!, contents[completed + 1]!];
    for (const problem of remainsAfterRestart(world, newcomer(world), expected)) problems.add(problem);
  }
  throw new Error('the victim did not come to its end');
}

describe('a heap with a lock, when everybody dies and the victim at any access of its own', () => {
  test('has every operation whole or not at all once somebody opens it again, and gives everything back', () => {
    const { problems, deaths } = fullStops();

    expect(problems).toEqual([]);
    expect(deaths).toBeGreaterThan(10 * victimsLife.length);
  });

  test('does so too when stores wait in buffers and lines come and go in the caches of two machines', () => {
    for (let seed = 1; seed <= 3; seed++) {
      const { problems, deaths } = fullStops((n) => ({ cacheSeed: seed * sweepLimit + n }));

      expect({ seed, problems }).toEqual({ seed, problems: [] });
      expect(deaths).toBeGreaterThan(10 * victimsLife.length);
    }
  });

  test('survives that who opens it again dies at any access too', () => {
    const random = randomFrom(1);
    let deaths = 0;
    for (let n = 1; n < sweepLimit; n += 1 + Math.floor(random() * 6)) {
      if (sceneAfterFullStop(n).completed < 0) break;
      const accesses = accessesOfOpening(n);
      for (let own = 1; own <= accesses; own += 1 + Math.floor(random() * (accesses / 5))) {
        const { world, completed } = sceneAfterFullStop(n);
        const first = newcomer(world);
        first.crashAtAccess(own);
        first.attempt((core) => core.lockOpen(looks));
        expect(first.isDead).toBe(true);
        deaths++;
        buryTheDead(world);

        expect(remainsAfterRestart(world, newcomer(world), [contents[completed]!, contents[completed + 1]!])).toEqual([]);
      }
    }
    expect(deaths).toBeGreaterThan(100);
  });

  test('is prepared by the next when who opens it first dies while doing so', () => {
    const random = randomFrom(2);
    const probe = freshScene();
    probe.victim.crashAtAccess(0);
    probe.victim.core.lockOpen(looks);
    const { accesses } = probe.victim;
    expect(accesses).toBeGreaterThan(1_000);
    for (let n = 1; n <= accesses; n += n < 10 || n > accesses - 10 ? 1 : 1 + Math.floor(random() * 40)) {
      const scene = freshScene();
      scene.victim.crashAtAccess(n);
      scene.victim.attempt((core) => core.lockOpen(looks));
      expect(scene.victim.isDead).toBe(true);
      buryTheDead(scene.world);
      beginSurvivor(scene);

      expect(problemsOf(scene.world)).toEqual([]);
    }
  });
});

function accessesOfOpening(n: number): number {
  const { world } = sceneAfterFullStop(n);
  const opener = newcomer(world);
  opener.crashAtAccess(0);
  opener.core.lockOpen(looks);
  return opener.accesses;
}

/** What a death does to the survivor: nothing, or everything. */
function cascade({ world, victim, survivor }: Scene): { readonly blocked: boolean; readonly problems: readonly string[] } {
  const dead = victim.core.selfClient();
  buryTheDead(world);
  const blocked = survivor.core.lockHolder() >= 0;
  const problems: string[] = [];
  const answers = [survivor.core.lockAlloc(5, looks), survivor.core.lockDetach(0, looks), survivor.core.lockDrop(dead, looks)];
  const due = blocked ? codes.BLOCKED : codes.OK;
  if (answers.some((answer) => answer !== due)) problems.push(`the survivor was answered ${answers} instead of ${due}`);
  // Neither opening it again nor a newcomer helps while somebody lives who had it open.
  if (blocked) {
    for (const client of [survivor, newcomer(world)]) {
      const answer = client.core.lockOpen(looks);
      if (answer !== codes.BLOCKED) problems.push(`the lock was taken over while others live: opening was answered ${answer}`);
    }
  }
  const held = problemsOf(world).filter((problem) => problem.includes('lock of the heap is held'));
  if (held.length > 0 !== blocked) problems.push(`the audit said ${JSON.stringify(held)}`);
  return { blocked, problems };
}

function partialFailures(mutant = 0): { readonly blocked: number; readonly free: number; readonly problems: readonly string[] } {
  const problems = new Set<string>();
  const seen = { blocked: 0, free: 0 };
  for (let n = 1; n < sweepLimit; n++) {
    const scene = freshScene({ mutant });
    beginSurvivor(scene);
    scene.victim.crashAtAccess(n);
    playVictim(scene);
    if (!scene.victim.isDead) return { ...seen, problems: [...problems] };
    const outcome = cascade(scene);
    seen[outcome.blocked ? 'blocked' : 'free']++;
    for (const problem of outcome.problems) problems.add(problem);
  }
  throw new Error('the victim did not come to its end');
}

describe('a heap with a lock, when one client dies', () => {
  test('blocks every other if the lock was held, and none if it was not, at every access', () => {
    const { blocked, free, problems } = partialFailures();

    expect(problems).toEqual([]);
    expect(free).toBeGreaterThan(2 * victimsLife.length);
    expect(blocked).toBeGreaterThan(free);
  });

  const points = crashPoints.map(({ name }) => name).filter((name) => name.startsWith('baseline/lock/after-'));

  test.each(points)('at %s blocks the others unless the lock was given back', (point) => {
    const scene = freshScene();
    beginSurvivor(scene);
    scene.victim.core.lockOpen(looks);
    scene.victim.arm(point);
    scene.victim.attempt((core) => core.lockAlloc(0, looks));
    expect(scene.victim.isDead).toBe(true);

    const { blocked, problems } = cascade(scene);

    expect({ blocked, problems }).toEqual({ blocked: !point.endsWith('/after-release'), problems: [] });
    expect(scene.world.history().records).toMatchObject([{ kind: 'last-words', point }]);
  });

  test('is whole again as soon as the blocked have stopped as well', () => {
    const scene = freshScene();
    beginSurvivor(scene);
    scene.victim.core.lockOpen(looks);
    scene.victim.arm('baseline/lock/after-commit');
    scene.victim.attempt((core) => core.lockAlloc(0, looks));
    expect(cascade(scene).blocked).toBe(true);
    for (const client of scene.world.clients) client.isDead = true;
    buryTheDead(scene.world);

    expect(remainsAfterRestart(scene.world, newcomer(scene.world), [contents[2]!])).toEqual([]);
  });

  test.each(['prepare', 'replay', 'enter'])('while it opens the heap, after %s, leaves the lock to who opens it next', (step) => {
    const scene = freshScene();
    if (step !== 'prepare') {
      scene.survivor.core.lockOpen(looks);
      scene.survivor.isDead = true;
      buryTheDead(scene.world);
    }
    scene.victim.arm(`baseline/lock/open/after-${step}`);
    scene.victim.attempt((core) => core.lockOpen(looks));
    expect(scene.victim.isDead).toBe(true);
    expect(newcomer(scene.world).core.lockOpen(looks)).toBe(codes.BLOCKED);

    buryTheDead(scene.world);

    expect(newcomer(scene.world).core.lockOpen(looks)).toBe(codes.OK);
    expect(problemsOf(scene.world)).toEqual([]);
  });
});

describe('the tests of the heap with a lock', () => {
  const noticed: Readonly<Record<Mistake, () => readonly string[]>> = {
    200: () => fullStops(() => ({ mutant: 200 })).problems,
    201: () => fullStops(() => ({ mutant: 201 })).problems,
    203: () => fullStops(() => ({ mutant: 203 })).problems,
    204: () => fullStops(() => ({ mutant: 204 })).problems,
    205: () => partialFailures(205).problems,
  };

  test.each(mistakes)('notice mutant $number, $mistake', ({ number }) => {
    let problems: readonly string[];
    try {
      problems = noticed[number]();
    } catch (error) {
      problems = [(error as Error).message];
      expect(problems[0]).toMatch(/invariant/);
    }
    expect(problems).not.toEqual([]);
  });
});

// -- naive counting -----------------------------------------------------------------------------------------------------------

const naiveOperations = {
  alloc: ({ victim }: Scene, order: number) => victim.attempt((core) => core.naiveAlloc(order, 1)),
  attach: ({ victim }: Scene, order: number) => victim.attempt((core) => core.naiveAttach(order, 1, 0)),
  detach: ({ victim }: Scene, order: number) => victim.attempt((core) => core.naiveDetach(order, 0)),
};

/** Survivor and victim hold block 0 in their slots 0; then the victim dies, or not, at the n-th access of one operation. */
function naiveDeath(order: number, operation: keyof typeof naiveOperations, n: number) {
  const scene = freshScene();
  const { world, victim, survivor } = scene;
  survivor.core.naiveClear();
  const prepared = [survivor.core.naiveAlloc(order, 0), victim.core.naiveAttach(order, 0, 0)];
  expect(prepared).toEqual([codes.OK, codes.OK]);
  victim.crashAtAccess(n);
  naiveOperations[operation](scene, order);
  const dead = victim.isDead;
  victim.isDead = true;
  buryTheDead(world);
  // In between somebody else takes a free block.
  expect(survivor.core.naiveAlloc(order, 2)).toBe(codes.OK);
  expect(survivor.core.naiveRecover(order, 0, 1)).toBe(codes.OK);
  const afterRecovery = problemsOf(world);
  for (const slot of [0, 2]) survivor.core.naiveDetach(order, slot);
  return { dead, afterRecovery, atTheEnd: problemsOf(world) };
}

function naiveSweep(order: number, operation: keyof typeof naiveOperations) {
  const found = { leaks: 0, dangling: 0, deaths: 0, problems: 0 };
  for (let n = 1; n < sweepLimit; n++) {
    const { dead, afterRecovery, atTheEnd } = naiveDeath(order, operation, n);
    if (!dead) {
      // Nobody died: then counting in two steps is right.
      expect([...afterRecovery, ...atTheEnd]).toEqual([]);
      return found;
    }
    found.deaths++;
    const all = [...afterRecovery, ...atTheEnd];
    if (atTheEnd.some((problem) => problem.includes('is leaked'))) found.leaks++;
    if (all.some((problem) => problem.includes('dangling reference'))) found.dangling++;
    if (all.length > 0) found.problems++;
  }
  throw new Error('the operation did not come to its end');
}

describe.each(['alloc', 'attach', 'detach'] as const)('naive counting, when a client dies in %s', (operation) => {
  test('leaks in one order, and never dangles', () => {
    const found = naiveSweep(constants.NAIVE_LEAKS, operation);

    expect(found.leaks).toBeGreaterThan(0);
    expect(found.leaks).toBeLessThan(found.deaths);
    expect({ dangling: found.dangling, problems: found.problems }).toEqual({ dangling: 0, problems: found.leaks });
  });

  test('leaves a dangling reference in the other, and never leaks', () => {
    const found = naiveSweep(constants.NAIVE_DANGLES, operation);

    expect(found.dangling).toBeGreaterThan(0);
    expect(found.dangling).toBeLessThan(found.deaths);
    expect({ leaks: found.leaks, problems: found.problems }).toEqual({ leaks: 0, problems: found.dangling });
  });

  test.each([
    ['leaks', constants.NAIVE_LEAKS],
    ['dangles', constants.NAIVE_DANGLES],
  ] as const)('between its two steps %s', (what, order) => {
    const scene = freshScene();
    const { world, victim, survivor } = scene;
    survivor.core.naiveClear();
    survivor.core.naiveAlloc(order, 0);
    victim.core.naiveAttach(order, 0, 0);
    victim.arm(`baseline/naive/${operation}/between`);
    naiveOperations[operation](scene, order);
    expect(victim.isDead).toBe(true);
    buryTheDead(world);
    survivor.core.naiveAlloc(order, 2);
    survivor.core.naiveRecover(order, 0, 1);
    const dangling = problemsOf(world).filter((problem) => problem.includes('dangling reference'));
    for (const slot of [0, 2]) survivor.core.naiveDetach(order, slot);

    const leaked = problemsOf(world).filter((problem) => problem.includes('is leaked'));
    expect({ leaked: leaked.length, dangling: dangling.length }).toEqual(
      what === 'leaks' ? { leaked: 1, dangling: 0 } : { leaked: 0, dangling: 1 },
    );
  });
});
