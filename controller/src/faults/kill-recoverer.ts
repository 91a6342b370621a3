/**
 * `killRecoverer`: the agent that recovers somebody dies by SIGKILL in the middle of it, at a crash point of the recovery or before one of its
 * accesses to shared memory. The next agent of that machine finds two dead, and recovers both.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import { crashPoint } from '../config/crash-point.ts';
import { name } from '../config/names.ts';
import { environmentError } from '../errors/cxlpod-error.ts';
import type { Machine } from '../provider/provider.ts';
import type { Crash } from '../runs/crew/hand.ts';
import type { Evidence, FaultOutcome, Judgement } from '../runs/evidence.ts';
import { readRunHistory } from '../runs/read-history.ts';
import { untilLastWords } from '../runs/until-last-words.ts';
import type { WorkloadContext } from '../workload/workload.ts';
import { type Fault, type FaultKind, type Strike, seenToFire } from './fault.ts';
import { pidOf, startAgent } from './kill-agent.ts';
import { killsAll, laneOfMachine } from './machine-life.ts';

const hit = z.number().int().min(1).max(1_000_000_000).default(1);

const parameters = z
  .strictObject({
    /** The machine whose agent recovers. */
    on: name,
    /** A worker of that machine that dies for it. Without one, whoever else has died is waited for. */
    victim: z.strictObject({ worker: name, at: crashPoint, hit }).optional(),
    /** The crash point of the recovery. */
    at: crashPoint.optional(),
    hit,
    /** Or before the agent's so-manieth access to shared memory in recoveries. */
    atAccess: z.number().int().min(1).max(1_000_000_000).optional(),
  })
  .refine(({ at, atAccess }) => (at === undefined) !== (atAccess === undefined), {
    error: 'a recoverer dies once: at or atAccess, one of them',
  });

type Parameters = z.output<typeof parameters>;

const startedAgainAfterMs = 500;
const endsWithinMs = 60_000;
/** To ask for it costs a program on the machine. */
const lookAgainAfterMs = 250;

export const killRecoverer: FaultKind<Parameters> = { parameters, create };

function create({ on, victim, at, hit: atHit, atAccess }: Parameters): Fault {
  const crash: Crash | null = victim === undefined ? null : { point: victim.at, hit: victim.hit };
  const where = at === undefined ? `its access ${atAccess} to shared memory` : `${at}, passage ${atHit}`;
  const died = victim === undefined ? '' : `${victim.worker} dies at ${victim.at}, passage ${victim.hit}, and `;
  return {
    kind: 'killRecoverer',
    sentence: `${died}the agent of ${on} that recovers it dies at ${where}`,
    needs: { machines: [on], ...(victim === undefined ? {} : { post: { machine: on, worker: victim.worker } }) },
    schedule: { when: 'armed' },
    takesDown: true,
    healAfterMs: startedAgainAfterMs,
    lane: laneOfMachine(on),
    arm: (post) => (post.machine === on && post.worker === victim?.worker ? crash : null),
    strike: async (context, signal) => {
      const { machine, agent } = context.pod.machine(on);
      const pid = await pidOf(agent);
      if (pid === null) return diedUnseen(context, machine, at ?? null, where);
      const how = at === undefined ? { dieAtAccess: atAccess! } : { crash: { point: at, hit: atHit } };
      await agent.request('armRecoverer', how);
      if (!(await hasDied(context, machine, { pid, speaks: at !== undefined }, signal))) {
        await agent.request('armRecoverer', {}).catch(() => {});
        return null;
      }
      return {
        sentence: `the agent of ${on}, process ${pid}, died while it recovered, at ${where}`,
        evidence: { machine: on, machineNumber: machine.number, pid, at: at ?? null, access: atAccess ?? null },
      };
    },
    heal: (context) => startAgent(context, on),
    fired: (evidence, outcome) => (at === undefined ? seenToFire(outcome) : fired(evidence, outcome, at)),
    // Of its victim nobody was told, and its other workers leave when their tasks are done.
    explains: (exit) => exit.machine === on && exit.signal === null,
    kills: killsAll,
  };
}

/** While no controller was there to see it: its last words say whether it was this. */
function diedUnseen({ pod, firstTicket }: WorkloadContext, { name, number }: Machine, at: string | null, where: string): Strike {
  const { records } = readRunHistory(pod.paths.historyFile, firstTicket);
  const last = records.find((record) => record.kind === 'last-words' && record.machine === number && record.point === at);
  if (last === undefined) throw environmentError('AGENT_NOT_SEEN', `the agent of ${name} has ended, and nobody saw how`);
  return {
    sentence: `the agent of ${name}, process ${last.pid}, had died while it recovered, at ${where}`,
    evidence: { machine: name, machineNumber: number, pid: last.pid, at, access: null },
  };
}

/** False when `signal` gives up first. */
async function hasDied(
  { pod, firstTicket }: WorkloadContext,
  machine: Machine,
  { pid, speaks }: { readonly pid: number; readonly speaks: boolean },
  signal: AbortSignal,
): Promise<boolean> {
  const where = { historyFile: pod.paths.historyFile, firstTicket };
  if (speaks && (await untilLastWords({ machineNumber: machine.number, pid }, where, signal)) === null) return false;
  const endMs = performance.now() + endsWithinMs;
  // Once it has spoken it dies, whether anybody still waits or not.
  while (speaks || !signal.aborted) {
    if ((await machine.whyUnreachable()) !== null) return true;
    if (speaks && performance.now() > endMs) {
      throw environmentError('AGENT_NOT_ENDED', `the agent of ${machine.name} left last words, and was not seen to end`);
    }
    await delay(lookAgainAfterMs);
  }
  return false;
}

function fired({ history }: Evidence, outcome: FaultOutcome, at: string): Judgement {
  const seen = seenToFire(outcome);
  if (seen.verdict !== 'valid') return seen;
  const { pid, machineNumber } = outcome.seen!.evidence;
  const lastWords = history?.records.find(
    (record) => record.kind === 'last-words' && record.machine === machineNumber && record.pid === pid && record.point === at,
  );
  if (lastWords !== undefined) return { ...seen, evidence: { ...seen.evidence, lastWords } };
  return { verdict: 'unknown', sentence: `The agent died, and left no last words at ${at}.`, evidence: { ...seen.evidence } };
}
