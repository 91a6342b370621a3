/**
 * `softwareFence`: a negative control. A worker stands still in the middle of an operation, is declared dead and recovered although its
 * end was never seen, then goes on: it writes into memory that is no longer its own. A run that calls this valid would not see the real thing.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { HistoryRecord } from '@cxlpod/agent/history';
import { z } from 'zod';
import type { PodMachine } from '../cluster/pod.ts';
import { crashPoint } from '../config/crash-point.ts';
import { name } from '../config/names.ts';
import { environmentError } from '../errors/cxlpod-error.ts';
import { type Crash, type Hand, laneOf, type Post } from '../runs/crew/hand.ts';
import type { Evidence, FaultOutcome, Judgement } from '../runs/evidence.ts';
import { untilLastWords } from '../runs/until-last-words.ts';
import { hold } from '../steps/hold.ts';
import type { WorkloadContext } from '../workload/workload.ts';
import { type Fault, type FaultKind, seenToFire } from './fault.ts';
import { seeStopped, signalWorker } from './signal-worker.ts';

const parameters = z.strictObject({
  /** The machine. */
  on: name,
  worker: name,
  /** Where it stands still: between a check and the write that relies on it. */
  at: crashPoint,
  hit: z.number().int().min(1).max(1_000_000_000).default(1),
  /** Where it dies after it came back; the same point, if not given. Until there it writes. */
  until: crashPoint.optional(),
  /** `machine`: all of it stands still, as one that is paused, while its worker is declared dead. */
  freeze: z.enum(['worker', 'machine']).default('worker'),
});

type Parameters = z.output<typeof parameters>;

const grantWithinMs = 60_000;
const endsWithinMs = 60_000;

export const softwareFence: FaultKind<Parameters> = { parameters, create };

function create({ on, worker, at, hit, until = at, freeze }: Parameters): Fault {
  const post: Post = { machine: on, worker };
  const crash: Crash = { point: at, hit, until: { point: until, hit: 1 } };
  return {
    kind: 'softwareFence',
    sentence: `${worker} on ${on} stands still at ${at}, passage ${hit}, is recovered although nobody saw its end, and goes on`,
    needs: { machines: [on], post },
    schedule: { when: 'armed' },
    healAfterMs: 0,
    lane: laneOf(post),
    arm: (other) => (other.machine === on && other.worker === worker ? crash : null),
    strike: async (context, signal, isAgain) => {
      const { crew, pod, timeline, firstTicket, say } = context;
      const hand = await crew.armedWith(crash, signal);
      if (hand === null) return null;
      const process = { machineNumber: pod.machine(on).machine.number, pid: hand.pid };
      if ((await untilLastWords(process, { historyFile: pod.paths.historyFile, firstTicket }, signal)) === null) return null;
      const stoodStill = timeline.now();
      if (await standsStill(context, hand, isAgain)) {
        await declareDead(context, hand, freeze, isAgain);
        await hold(`declare ${worker} dead`, say);
        await signalWorker(pod.machine(on).agent, hand.pid, 'CONT');
        await hold(`let ${worker} go on`, say);
      }
      const ended = await Promise.race([hand.exit, delay(endsWithinMs, null)]);
      const { id, incarnation } = hand.client;
      const how = ended === null ? 'did not end' : `ended by ${ended.signal ?? `exit code ${ended.exitCode}`}`;
      return {
        sentence: `${worker} on ${on} stood still at ${at}, was recovered, went on, and ${how}`,
        evidence: { pid: hand.pid, client: id, incarnation, freeze, signal: ended?.signal ?? null },
        at: stoodStill,
      };
    },
    heal: async (context) => {
      const { crew, pod } = context;
      const hand = crew.handAt(post);
      if (hand === null || context.signal.aborted) return undefined;
      // It cannot leave a pool that has forgotten it.
      if (crew.handsOn(on).includes(hand)) await pod.machine(on).agent.request('stopWorker', { worker, how: 'kill' });
      const heir = await crew.restart(post);
      return `a new ${worker} on ${on}, pid ${heir.pid}`;
    },
    fired,
    explains: (exit) => exit.machine === on && exit.worker === worker && exit.signal === 'SIGKILL' && !exit.asked,
  };
}

/** False when a controller that is gone has let it go on, and it has ended. */
async function standsStill({ crew, pod }: WorkloadContext, hand: Hand, isAgain: boolean): Promise<boolean> {
  try {
    await seeStopped(pod.machine(hand.post.machine).agent, hand.pid);
    return true;
  } catch (error) {
    if (isAgain && (await crew.hasDied(hand))) return false;
    throw error;
  }
}

/** What nobody may do who has not seen the end: the grant is given for a process that only stands still. */
async function declareDead(
  { pod }: WorkloadContext,
  { post, client }: Hand,
  freeze: Parameters['freeze'],
  isAgain: boolean,
): Promise<void> {
  const { machine } = pod.machine(post.machine);
  const fencer = await livingBeside(pod.machines, post.machine);
  if (freeze === 'machine') await machine.pause();
  try {
    const { clients } = await fencer.agent.request(
      'grantFence',
      { machineNumber: machine.number, clients: [client] },
      { timeoutMs: grantWithinMs },
    );
    // A controller that is gone may have: the history tells.
    if (clients.length === 1 || isAgain) return;
    throw environmentError('NOT_DECLARED_DEAD', `${post.worker} on ${post.machine} was not there to be recovered`);
  } finally {
    if (freeze === 'machine') await machine.resume();
  }
}

async function livingBeside(machines: readonly PodMachine[], name: string): Promise<PodMachine> {
  for (const each of machines) if (each.machine.name !== name && (await each.machine.isAlive())) return each;
  throw environmentError('NOBODY_TO_RECOVER', `no machine but ${name} lives, so nobody can declare its worker dead`);
}

/** It is heard of again after its recovery: then it was not dead, and it has written. */
function fired({ history }: Evidence, outcome: FaultOutcome): Judgement {
  const seen = seenToFire(outcome);
  if (seen.verdict !== 'valid') return seen;
  if (history === null) return { ...seen, verdict: 'unknown', sentence: 'The history could not be read.' };
  const { client, incarnation } = outcome.seen!.evidence;
  const isIt = (record: HistoryRecord): boolean => record.client === client && record.incarnation === incarnation;
  const recovered = history.records.find(
    (record) => record.kind === 'recovered' && record.deadClient === client && record.deadIncarnation === incarnation,
  );
  const after = history.records.filter(
    (record) => isIt(record) && record.ticket > (recovered?.ticket ?? Number.POSITIVE_INFINITY),
  );
  if (after.length === 0)
    return { ...seen, verdict: 'unknown', sentence: `${seen.sentence} But it wrote nothing after its recovery.` };
  return { ...seen, sentence: `${seen.sentence} It wrote ${after.length} records after its recovery.` };
}
