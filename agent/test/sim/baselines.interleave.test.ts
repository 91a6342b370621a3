/** The lock of the heap that CXL-SHM is compared with excludes, whoever makes the next step. */
import { expect, test } from 'vitest';
import { codes } from '../../src/layout/index.ts';
import { lockTakenByStore, lockTakenOverByStore } from './baseline-mutants.ts';
import { buryTheDead, freshScene, newcomer, problemsOf } from './baselines.ts';
import { firstSeed, randomFrom, runRandomly } from './schedules.ts';
import { call, type Program, World } from './simulator.ts';

const seed = firstSeed(1);
const depth = process.env.CXLPOD_DEEP === '1' ? 20 : 1;
/** Calls of one client in one schedule. */
const calls = 12;
/** Clients give up their turn only at random, so a lock may be looked at for long. */
const looks = 200;

/** Whatever a client of the heap may do to slots of its own, answers included that only a rival explains. */
function* working(client: number, random: () => number, surprises: string[]): Program {
  const expected = new Set<number>([
    codes.OK,
    codes.BLOCKED,
    codes.BASELINE_SLOT_TAKEN,
    codes.BASELINE_SLOT_EMPTY,
    codes.NOT_FOUND,
  ]);
  for (let number = 0; number < calls; number++) {
    const slot = Math.floor(random() * 3);
    const choice = Math.floor(random() * 3);
    const answer: number =
      choice === 0
        ? yield call('lockAlloc', slot, looks)
        : choice === 1
          ? yield call('lockAttach', slot, Math.floor(random() * 4), looks)
          : yield call('lockDetach', slot, looks);
    if (!expected.has(answer)) surprises.push(`client ${client} was answered ${answer}`);
  }
}

/** Problems of random schedules of three clients. */
function problemsOfSchedules(schedules: number, mutant = 0): readonly string[] {
  const problems = new Set<string>();
  for (let round = 0; round < schedules; round++) {
    const random = randomFrom(seed + round);
    const world = new World({ mutant });
    const surprises: string[] = [];
    const clients = [1, 2, 3].map((machine) => world.client(machine));
    clients[0]!.core.format(1, clients[0]!.process, 0, 0);
    for (const client of clients) {
      client.core.join(client.machine, client.process, 0);
      client.core.lockOpen(looks);
    }
    for (const [index, client] of clients.entries()) client.start(working(index, random, surprises));
    runRandomly(world, seed + round);
    if (clients[0]!.core.lockHolder() !== -1) problems.add('the lock was not given back');
    for (const problem of [...surprises, ...problemsOf(world)]) problems.add(problem);
  }
  return [...problems];
}

test(`three clients leave every count right in random schedules from seed ${seed} (CXLPOD_SEED replays another)`, () => {
  expect(problemsOfSchedules(150 * depth)).toEqual([]);
});

/** Two openers come at once after a full stop, again and again; what is wrong when both have the heap open. */
function problemsOfOpeners(schedules: number, mutant = 0): readonly string[] {
  const problems = new Set<string>();
  for (let round = 0; round < schedules; round++) {
    const { world, victim, survivor } = freshScene({ mutant });
    victim.core.lockOpen(looks);
    victim.arm('baseline/lock/after-commit');
    victim.attempt((core) => core.lockAlloc(0, looks));
    buryTheDead(world);

    const openers = [survivor, newcomer(world)];
    for (const opener of openers) opener.start(opening(problems));
    runRandomly(world, seed + round);

    if (survivor.core.lockCount(0) !== 1) problems.add('what was committed is not there');
    for (const problem of problemsOf(world)) problems.add(problem);
  }
  return [...problems];
}

function* opening(problems: Set<string>): Program {
  for (let tries = 0; tries < 1_000; tries++) {
    const answer: number = yield call('lockOpen', 3);
    if (answer === codes.OK) return;
    if (answer !== codes.BLOCKED) problems.add(`opening was answered ${answer}`);
  }
  problems.add('opening did not come to its end');
}

test('of two who open the heap after a full stop one takes it over, and the other waits', () => {
  expect(problemsOfOpeners(150 * depth)).toEqual([]);
});

test.each([
  ['taken', () => problemsOfSchedules(150, lockTakenByStore)],
  ['taken over', () => problemsOfOpeners(150, lockTakenOverByStore)],
] as const)('a lock that is %s with a store instead of a swap is noticed', (_, problemsWith) => {
  let problems: readonly string[];
  try {
    problems = problemsWith();
  } catch (error) {
    problems = [(error as Error).message];
    expect(problems[0]).toMatch(/invariant/);
  }
  expect(problems).not.toEqual([]);
});
