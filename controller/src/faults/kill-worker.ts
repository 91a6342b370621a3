/** `killWorker`: a worker dies by SIGKILL at a named crash point, in the middle of a lock-free operation; then its post is filled again. */
import { z } from 'zod';
import { crashPoint } from '../config/crash-point.ts';
import { name } from '../config/names.ts';
import { laneOf, type Post } from '../runs/crew.ts';
import type { Evidence, Judgement } from '../runs/evidence.ts';
import type { Fault, FaultKind } from './fault.ts';

const parameters = z.strictObject({
  /** The machine. */
  on: name,
  worker: name.default('server'),
  /** The crash point; `docs/crash-points.md` lists them. */
  at: crashPoint,
  /** At its so-manieth passage, from 1. */
  hit: z.number().int().min(1).max(1_000_000_000).default(1),
});

export type KillWorkerParameters = z.output<typeof parameters>;

export const killWorker: FaultKind<KillWorkerParameters> = { parameters, create };

function create({ on, worker, at, hit }: KillWorkerParameters): Fault {
  const post: Post = { machine: on, worker };
  const isMine = (exit: { readonly machine: string; readonly worker: string }): boolean =>
    exit.machine === on && exit.worker === worker;
  return {
    kind: 'killWorker',
    sentence: `SIGKILL to ${worker} on ${on} at ${at}, passage ${hit}`,
    needs: { machines: [on] },
    arm: (other) => (isMine(other) ? { point: at, hit } : null),
    strike: async (context, signal) => {
      const exit = await context.crew.firstExit(post, signal);
      if (exit === null || exit.asked) return false;
      const detail = { point: at, hit, signal: exit.signal, pid: exit.pid };
      const stamp = { clock: on, ns: exit.atNs };
      context.timeline.mark({ lane: laneOf(post), kind: 'fault', name: `${exit.signal ?? 'exit'} at ${at}`, at: stamp, detail });
      context.say(`fault: ${worker} on ${on} died by ${exit.signal ?? `exit code ${exit.exitCode}`}`);
      return true;
    },
    heal: async (context) => {
      const hand = await context.crew.restart(post);
      context.timeline.mark({ lane: laneOf(post), kind: 'event', name: `new ${worker}, pid ${hand.pid}` });
      context.say(`healed: a new ${worker} serves on ${on}`);
    },
    explains: (exit) => isMine(exit) && exit.signal === 'SIGKILL' && !exit.asked,
    fired: (evidence) => judge(evidence, { on, worker, at, hit }),
  };
}

function judge({ exits, history, machines }: Evidence, { on, worker, at, hit }: KillWorkerParameters): Judgement {
  const exit = exits.find((each) => each.machine === on && each.worker === worker && !each.asked);
  const machineNumber = machines.indexOf(on) + 1;
  const lastWords = history?.records.find(
    (record) => record.kind === 'last-words' && record.machine === machineNumber && record.pid === exit?.pid,
  );
  const unknown = (why: string): Judgement => ({
    verdict: 'unknown',
    sentence: `The fault was not seen to fire: ${why}.`,
    evidence: { exit: exit ?? null, lastWords: lastWords ?? null },
  });
  if (exit === undefined) return unknown(`${worker} on ${on} did not die`);
  if (exit.signal !== 'SIGKILL')
    return unknown(`${worker} ended with ${exit.signal ?? `exit code ${exit.exitCode}`}, not SIGKILL`);
  if (exit.fenced === null) return unknown(`the end of ${worker} was not seen, so it is not fenced`);
  if (history === null) return unknown('the history cannot be read');
  if (lastWords?.kind !== 'last-words') return unknown(`pid ${exit.pid} left no last words`);
  if (lastWords.point !== at || lastWords.hit !== hit) {
    return unknown(`pid ${exit.pid} died at ${lastWords.point}, passage ${lastWords.hit}, not at ${at}, passage ${hit}`);
  }
  return {
    verdict: 'valid',
    sentence: `${worker} on ${on} wrote its last words at ${at}, passage ${hit}, and was then seen to die by SIGKILL; it is fenced.`,
    evidence: { exit, lastWords },
  };
}
