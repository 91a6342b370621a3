/**
 * Two calls or three in a window of two, between machines whose caches nobody keeps coherent, by the core's own loops, which write and compare
 * payloads: for the search of every schedule and of all that caches may do. A lap of calls is over when it begins, so that both machines have
 * old lines of rings and buffers.
 */
import { codes } from '../../src/layout/index.ts';
import { type CacheExploration, type CacheLimits, exploreCaches } from './every-cache.ts';
import { prepared } from './schedules.ts';
import { connect, drain, machines, quiet } from './sharing-checks.ts';
import { call, type Program, type World } from './simulator.ts';

export interface CachedScene {
  readonly sharing: number;
  readonly layout: number;
  /** At once, two at most. */
  readonly calls: number;
  /** How often each side looks before the search ends; what is left then is done in order. */
  readonly polls: number;
  readonly payloadBytes: number;
  readonly mutant?: number;
}

const windowLog2 = 1;
const window = 2 ** windowLog2;

export function searchCachedCalls(scene: CachedScene, limits: CacheLimits = {}): CacheExploration {
  const { calls, polls, payloadBytes } = scene;
  let answers: number[] = [];
  return exploreCaches(
    prepared(() => metWorld(scene)),
    (world) => {
      answers = [];
      world.clients[1]!.start(calling(calls, payloadBytes, polls, answers));
      world.clients[0]!.start(serving(polls, answers));
    },
    (world) => judge(world, scene, answers),
    limits,
  );
}

function metWorld({ sharing, layout, payloadBytes, mutant = 0 }: CachedScene): World {
  const world = machines(2, mutant, { ...quiet, ignoresHints: true });
  connect(world.clients, { windowLog2, layout, sharing, payloadBytes });
  const problems = exchange(world, window, payloadBytes);
  if (problems.length > 0) throw new Error(`the first lap was not answered: ${problems.join('; ')}`);
  return world;
}

function* calling(calls: number, payloadBytes: number, polls: number, answers: number[]): Program {
  for (let poll = 0; poll < polls; poll++) {
    const done = ((yield call('rpcFinished', 0)) - window) | 0;
    if (done === calls) return;
    answers.push(yield call('rpcCallBatch', 0, calls - done, payloadBytes, window, 1));
  }
}

function* serving(polls: number, answers: number[]): Program {
  for (let poll = 0; poll < polls; poll++) answers.push(yield call('rpcServeLoop', 0, window, 1));
}

function judge(world: World, { calls, payloadBytes }: CachedScene, answers: readonly number[]): readonly string[] {
  const problems = answers
    .filter((code) => code !== codes.OK && code !== codes.PENDING)
    .map((code) => `somebody was answered with ${code}`);
  const left = calls - (world.clients[1]!.core.rpcFinished(0) - window);
  problems.push(...exchange(world, left, payloadBytes));
  const [server] = world.clients;
  if (server!.core.rpcServed(0) !== window + calls)
    problems.push(`${server!.core.rpcServed(0) - window} of ${calls} calls were executed`);
  if (server!.core.rpcRefused(0) !== 0) problems.push(`${server!.core.rpcRefused(0)} were refused`);
  return problems;
}

/** In turn, until `calls` are over; what both have flushed leaves their processors. */
function exchange({ clients: [server, caller] }: World, calls: number, payloadBytes: number): readonly string[] {
  if (calls === 0) return [];
  const end = caller!.core.rpcFinished(0) + calls;
  let code: number = codes.PENDING;
  for (let turn = 0; turn < 4 && code === codes.PENDING; turn++) {
    drain(caller!);
    server!.core.rpcServeLoop(0, window, 2);
    drain(server!);
    code = caller!.core.rpcCallBatch(0, end - caller!.core.rpcFinished(0), payloadBytes, window, 2);
  }
  drain(caller!);
  return code === codes.OK ? [] : [`calls that were left ended with ${code}`];
}
