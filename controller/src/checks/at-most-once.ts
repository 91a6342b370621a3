import type { Evidence } from '../runs/evidence.ts';
import { callsResultOf } from '../workload/result-of.ts';
import { type Check, invalid, unknown, valid } from './check.ts';
import { clientKey, endsByCall, type Invoke, invokesOf, type LastWords, lastWordsOf } from './read-calls.ts';
import { diedUnasked, processesOf, processOf } from './the-dead.ts';

/**
 * As far as histories can say: a call begins once and ends once at most; and the servers together executed no more requests than
 * were published. A server that died reports no count, but its last words do: the crash point was passed once a request.
 */
export const atMostOnce: Check = {
  name: 'at-most-once',
  sentence: 'No call is executed twice, and none ends twice.',
  check: (evidence) => {
    const result = callsResultOf(evidence);
    if (result === null) return unknown('The workload `calls` gave no result.');
    if (evidence.history === null) return unknown('The history could not be read.');
    const { records } = evidence.history;
    const invokes = invokesOf(records);
    if (invokes.length === 0) return unknown('The history has no calls.');
    const begun = new Map<string, number>();
    for (const invoke of invokes) begun.set(clientKey(invoke), (begun.get(clientKey(invoke)) ?? 0) + 1);
    const repeated = [...begun].find(([, times]) => times > 1)?.[0];
    if (repeated !== undefined) return invalid('A call began twice under one number.', { call: repeated });
    const endedTwice = [...endsByCall(records)].find(([, ends]) => ends.length > 1);
    if (endedTwice !== undefined) return invalid('A call ended twice.', { call: endedTwice[0], ends: endedTwice[1] });

    const lost = callsOfDead(evidence, invokes);
    const answered = result.answered + lost.answered;
    const published = answered + lost.unanswered + result.failures.filter(({ code }) => sentAndUnanswered.includes(code)).length;
    const byLiving = result.served.reduce((sum, served) => sum + served, 0);
    const byDead = lastWordsOf(records)
      .map(executedBefore)
      .reduce((sum, executed) => ({ least: sum.least + executed.least, most: sum.most + executed.most }), { least: 0, most: 0 });
    const least = byLiving + byDead.least;
    const most = silentDeaths(evidence) + result.idle > 0 ? Number.POSITIVE_INFINITY : byLiving + byDead.most;
    const facts = { published, answered, executed: least === most ? least : { least, most } };
    const executed = least === most ? `${least}` : `at least ${least}`;
    if (least > published) return invalid(`${executed} requests were executed, but only ${published} were sent.`, facts);
    if (most < answered) return invalid(`${answered} calls were answered, but only ${executed} were executed.`, facts);
    return valid(`${published} requests were sent, ${executed} executed, ${answered} answered; no call ended twice.`, facts);
  },
};

/** A caller that died reports no calls; the history has them. */
function callsOfDead(evidence: Evidence, invokes: readonly Invoke[]): { answered: number; unanswered: number } {
  const dead = diedUnasked(evidence);
  const begun = invokes.filter((invoke) => invoke.operation === 'rpc-call' && dead.has(invoke));
  const ends = endsByCall(evidence.history?.records ?? []);
  const outcomes = begun.map((invoke) => ends.get(clientKey(invoke))?.[0]?.outcome);
  const unanswered = outcomes.filter((outcome) => outcome === undefined || ['unknown', 'timeout'].includes(outcome)).length;
  return { answered: outcomes.filter((outcome) => outcome === 'ok').length, unanswered };
}

/** Those who died elsewhere than at a crash point had no time to say how far they were. */
function silentDeaths({ exits, history, machines }: Evidence): number {
  const spoke = processesOf(lastWordsOf(history?.records ?? []));
  return exits.filter((exit) => !exit.asked && !spoke.has(processOf(exit, machines))).length;
}

/** How calls end that were sent, so that they may have been executed. */
const sentAndUnanswered: readonly string[] = ['OUTCOME_UNKNOWN', 'TIMEOUT'];
const beforeExecution = ['rpc/serve/after-see', 'rpc/serve/after-take'];
const afterExecution = ['rpc/serve/after-execute', 'rpc/serve/after-publish'];

/** Requests executed by a server that died at the `hit`-th passage of a crash point of its serving loop. */
function executedBefore({ point, hit }: LastWords): { least: number; most: number } {
  if (beforeExecution.includes(point)) return { least: hit - 1, most: hit - 1 };
  if (afterExecution.includes(point)) return { least: hit, most: hit };
  return { least: 0, most: Number.POSITIVE_INFINITY };
}
