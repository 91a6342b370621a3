/** The search itself: that it finds what only one schedule, or one death, shows; and that cutting schedules off loses nothing. */
import { describe, expect, test } from 'vitest';
import { constants } from '../../src/layout/index.ts';
import { shape } from './calls.ts';
import { type CrashChoice, explore, prepared } from './schedules.ts';
import { call, type Program, World, type WorldOptions } from './simulator.ts';

/** A formatted pool whose first client has joined, and three who have not. */
function small(options: WorldOptions = {}): World {
  const world = new World(options);
  const first = world.client(1);
  first.core.format(1, first.process, 0, 0);
  first.core.join(1, first.process, 0);
  for (const machine of [2, 3, 4]) world.client(machine);
  world.settle();
  return world;
}

describe('a listener dies anywhere, a caller comes, and a recoverer who may die as well is followed by another', () => {
  const recovery: CrashChoice = { client: 2, onCrash: (world) => world.clients[3]!.start(recoveringTheRecoverer(world)) };
  const death: CrashChoice = { client: 0, onCrash: (world) => world.clients[2]!.start(recovering()), afterEnd: true };

  function search(mutant: number, crashes: readonly CrashChoice[]) {
    return explore(
      prepared(() => {
        const world = small({ mutant });
        world.clients[0]!.name('echo');
        const caller = world.clients[1]!;
        caller.core.join(2, caller.process, 0);
        caller.name('echo');
        return world;
      }),
      (world) => {
        world.clients[0]!.start(listening());
        world.clients[1]!.start(connectingAndClosing());
      },
      (world) => {
        const { problems, clients, connections } = world.inspect();
        const isDead = world.clients[0]!.isDead;
        const left = isDead ? clients.filter(({ id }) => id === 0).map(({ state }) => `the dead client is ${state}`) : [];
        const open = isDead ? connections.map(({ slot, state }) => `connection ${slot} is ${state}`) : [];
        return [...problems, ...left.filter((each) => !each.endsWith('free')), ...open];
      },
      { crashes },
    );
  }

  test('the pool is whole in every end', () => {
    const { problems, ends } = search(0, [death, recovery]);
    expect(problems).toEqual([]);
    expect(ends).toBeGreaterThan(100);
  });

  test('a recovery that is not taken up again is found, with the steps that lead there', () => {
    const abandoned: CrashChoice = { client: 2, onCrash: () => {} };
    const { problems } = search(0, [death, abandoned]);
    expect(problems[0]).toMatch(/client 0|the dead client/);
    expect(problems.at(-1)).toContain('0: dies');
    expect(problems.at(-1)).toContain('2: dies');
    expect(problems.at(-1)).toContain('client-table/client-table.ts');
  });
});

function* listening(): Program {
  yield call('rpcListen', 4, ...shape());
}

function* connectingAndClosing(): Program {
  if ((yield call('rpcConnect', 4, 0)) === constants.HANDLE_BASE) yield call('rpcClose', 0);
}

function* recovering(): Program {
  yield call('grantFence', 0, 1);
  yield call('recoverClient', 0, 1);
}

/** A recoverer has a place of its own; who follows a dead one fences and recovers that as well. */
function* recoveringTheRecoverer(world: World): Program {
  const { machine, process } = world.clients[2]!;
  const fenced: (readonly [place: number, incarnation: number])[] = [];
  for (let count = 1; count <= constants.RECOVERER_COUNT; count++) {
    const place = constants.CLIENT_COUNT - count;
    const incarnation = yield call('fenceIfOf', place, machine, process);
    if (incarnation !== 0) fenced.push([place, incarnation]);
  }
  yield* recovering();
  for (const [place, incarnation] of fenced) yield call('recoverClient', place, incarnation);
}

describe('cutting off what is known', () => {
  /** Every end, as the bytes of the client table and what the joiners were answered. */
  function endsOf(comparesStates: boolean): { readonly ends: readonly string[]; readonly schedules: number } {
    const seen = new Set<string>();
    let results: number[] = [];
    const { problems, schedules } = explore(
      prepared(small, () => {
        results = [];
      }),
      (world) => {
        for (const client of world.clients.slice(1)) {
          client.start(joining(client.machine, client.process, (code) => results.push(code)));
        }
      },
      (world) => {
        const table = world.poolBytes(constants.CLIENT_TABLE_OFFSET, 5 * constants.CLIENT_BYTES);
        seen.add(`${Buffer.from(table).toString('base64')} ${results.toSorted()}`);
        return [];
      },
      { comparesStates, crashes: [{ client: 1, onCrash: () => {} }] },
    );
    expect(problems).toEqual([]);
    return { ends: [...seen].sort(), schedules };
  }

  test('finds the same ends as running every schedule to its end', () => {
    const cut = endsOf(true);
    const whole = endsOf(false);
    expect(cut.ends).toEqual(whole.ends);
    expect(cut.ends.length).toBeGreaterThan(5);
    expect(whole.schedules).toBeGreaterThan(2 * cut.schedules);
  });
});

function* joining(machine: number, process: number, note: (code: number) => void): Program {
  note(yield call('join', machine, process, 0));
}
