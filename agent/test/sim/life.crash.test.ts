/** Every participant dies at every shared access and at every named crash point; what is left is made whole and used again. */
import { describe, expect, test } from 'vitest';
import { crashPoints } from '../../src/crash-points/index.ts';
import { shape } from './calls.ts';
import { bury, type Cast, freshCast, live, remains } from './life.ts';
import { randomFrom } from './schedules.ts';
import type { SimulatedClient } from './simulator.ts';

/** Accesses of one participant in one life, at most; the sweep must end before. */
const sweepLimit = 5_000;

/** The survivors end what they had, the dead are buried, and a new pair lives in the same pool. */
function expectWhole(cast: Cast, undertaker: SimulatedClient): void {
  bury(
    undertaker,
    cast.world.clients.filter((client) => client.isDead),
  );
  expect(remains(cast.world)).toEqual([]);
  const next: Cast = { world: cast.world, server: cast.world.client(1), caller: cast.world.client(2) };
  live(next, { formatted: true });
  expect(remains(cast.world)).toEqual([]);
}

describe.each(['server', 'caller'] as const)('a %s that dies at its n-th shared access', (role) => {
  test('leaves a pool that is made whole and used again, for every n', () => {
    let n = 1;
    for (; n < sweepLimit; n++) {
      const cast = freshCast();
      cast[role].crashAtAccess(n);
      live(cast);
      if (!cast[role].isDead) break;
      expectWhole(cast, cast.world.client(3));
    }
    expect(n).toBeGreaterThan(100);
    expect(n).toBeLessThan(sweepLimit);
  });
});

test('an undertaker that dies at any access itself leaves its work to the next', () => {
  const random = randomFrom(1);
  for (const role of ['server', 'caller'] as const) {
    for (let first = 1; first < sweepLimit; first += 1 + Math.floor(random() * 60)) {
      const probe = freshCast();
      probe[role].crashAtAccess(first);
      live(probe);
      if (!probe[role].isDead) break;
      const accesses = accessesOfBurial(role, first);
      for (let n = 1; n <= accesses; n += 1 + Math.floor(random() * (accesses / 4))) {
        const cast = freshCast();
        cast[role].crashAtAccess(first);
        live(cast);
        const undertaker = cast.world.client(3);
        undertaker.crashAtAccess(n);
        bury(undertaker, [cast[role]]);
        expect(undertaker.isDead).toBe(true);
        expectWhole(cast, cast.world.client(4));
      }
    }
  }
});

function accessesOfBurial(role: 'server' | 'caller', first: number): number {
  const cast = freshCast();
  cast[role].crashAtAccess(first);
  live(cast);
  const undertaker = cast.world.client(3);
  undertaker.crashAtAccess(0);
  bury(undertaker, [cast[role]]);
  return undertaker.accesses;
}

/** Heap, store and baselines have lives of their own. */
const ownLives = ['baseline/', 'shm/', 'kv/'];
const points = crashPoints.filter(({ name }) => !ownLives.some((prefix) => name.startsWith(prefix)));

describe.each(points)('a client that dies at $name', ({ name }) => {
  test('says so in its last words and leaves a pool that is made whole and used again', () => {
    const cast = freshCast();
    const undertaker = cast.world.client(3);
    for (const client of cast.world.clients) client.arm(name);
    live(cast);
    bury(
      undertaker,
      cast.world.clients.filter((client) => client.isDead && client !== undertaker),
    );
    // Fence and recovery have nobody to bury in a life without a death.
    const victim = cast.world.clients.every((client) => !client.isDead) ? endOneAndBury(cast, undertaker) : undefined;

    const dead = cast.world.clients.filter((client) => client.isDead && client !== victim);
    expect(dead.length).toBeGreaterThan(0);
    expectWhole(cast, cast.world.client(4));

    const lastWords = cast.world.history().records.filter((record) => record.kind === 'last-words');
    const spoken = lastWords.filter((words) => words.point === name && words.hit === 1);
    // A formatter that dies before the history is ready speaks into a history that is cleared after it.
    if (!name.startsWith('pool/format/'))
      expect(spoken.map((words) => words.pid).sort()).toEqual(dead.map((client) => client.process).sort());
  });
});

function endOneAndBury(cast: Cast, undertaker: SimulatedClient): SimulatedClient {
  const victim = cast.world.client(5);
  victim.attempt((core) => core.join(5, victim.process, 0));
  victim.attempt((core) => core.rpcListen(victim.name('victim'), ...shape({ windowLog2: 2 })));
  victim.isDead = true;
  bury(undertaker, [victim]);
  return victim;
}
