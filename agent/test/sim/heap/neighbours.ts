/** What others do with the heap meanwhile: short programs that must work, whatever somebody else died of. */
import { codes } from '../../../src/layout/index.ts';
import { call, type Program, type SimulatedClient } from '../simulator.ts';

export interface Neighbour {
  readonly title: string;
  readonly run: (client: SimulatedClient, note: (problem: string) => void) => Program;
}

const isOffset = (answer: number): boolean => answer >>> 0 >= codes.CODE_LIMIT;

/** A step must be answered with one of these codes. */
function expectOneOf(what: string, code: number, note: (problem: string) => void, ...allowed: readonly number[]): boolean {
  if (allowed.includes(code)) return code === codes.OK;
  note(`${what} answered ${code}`);
  return false;
}

export const neighbours: readonly Neighbour[] = [
  {
    title: 'allocates, attaches, changes and drops',
    *run(_, note) {
      const full = [codes.HEAP_FULL];
      const parent = yield call('shmAlloc', 24, 2);
      if (!isOffset(parent)) return void expectOneOf('alloc', parent, note, ...full);
      const first = yield call('shmAlloc', 200, 0);
      const second = yield call('shmAlloc', 600, 0);
      for (const child of [first, second]) {
        if (!isOffset(child)) {
          expectOneOf('alloc', child, note, ...full);
          continue;
        }
        expectOneOf('change', yield call('shmChange', parent, 0, child), note, codes.OK);
        expectOneOf('drop', yield call('shmDrop', child), note, codes.OK);
      }
      expectOneOf('drop', yield call('shmDrop', parent), note, codes.OK);
    },
  },
  {
    title: 'collects what nobody uses',
    *run(_, note) {
      expectOneOf('collect', yield call('shmCollect'), note, codes.OK);
    },
  },
  {
    title: 'takes all the memory there is, and gives it back',
    *run(_, note) {
      const held: number[] = [];
      for (const sizeBytes of [5_000, 1_000, 400]) {
        for (;;) {
          const answer = yield call('shmAlloc', sizeBytes, 0);
          if (!isOffset(answer)) {
            expectOneOf('alloc', answer, note, codes.HEAP_FULL);
            break;
          }
          held.push(answer);
        }
      }
      for (const root of held) expectOneOf('drop', yield call('shmDrop', root), note, codes.OK);
    },
  },
  {
    title: 'sets and reads the name that others set',
    *run(client, note) {
      const mine = yield call('shmAlloc', 40, 0);
      const bytes = client.name('tree');
      const found = yield call('shmGetName', bytes);
      if (isOffset(found)) expectOneOf('drop', yield call('shmDrop', found), note, codes.OK);
      else expectOneOf('get', found, note, codes.NOT_FOUND, codes.EMPTY);
      if (!isOffset(mine)) return void expectOneOf('alloc', mine, note, codes.HEAP_FULL);
      if (expectOneOf('set', yield call('shmSetName', bytes, mine), note, codes.OK, codes.BUSY)) {
        expectOneOf('clear', yield call('shmSetName', bytes, 0), note, codes.OK, codes.BUSY);
      }
      expectOneOf('drop', yield call('shmDrop', mine), note, codes.OK);
    },
  },
  {
    title: 'sends to everybody',
    *run(client, note) {
      const mine = yield call('shmAlloc', 40, 0);
      if (!isOffset(mine)) return void expectOneOf('alloc', mine, note, codes.HEAP_FULL);
      for (let receiver = 0; receiver < client.world.clients.length; receiver++) {
        const opened = yield call('shmOpenQueue', receiver, 0, 0);
        if (opened < codes.CODE_LIMIT) {
          expectOneOf('open', opened, note, codes.NOT_FOUND, codes.FULL, codes.BAD_ARGUMENT);
          continue;
        }
        const queue = opened - codes.CODE_LIMIT;
        expectOneOf('fill', yield call('shmFill', queue, mine, 0), note, codes.OK, codes.CLOSED);
        expectOneOf('publish', yield call('shmPublish', queue), note, codes.OK);
        expectOneOf('fill', yield call('shmFill', queue, mine, 0), note, codes.OK, codes.CLOSED);
        expectOneOf('close', yield call('shmCloseQueue', queue), note, codes.OK);
      }
      expectOneOf('drop', yield call('shmDrop', mine), note, codes.OK);
    },
  },
];

/** Runs a program from its beginning to its end, or to the client's, with nobody in between. */
export function runAlone(client: SimulatedClient, program: Program): void {
  client.attempt((core) => {
    let next = program.next();
    while (!next.done) {
      const exported = core[next.value.fn] as (...args: readonly number[]) => number | undefined;
      next = program.next(exported(...next.value.args) ?? 0);
    }
  });
}
