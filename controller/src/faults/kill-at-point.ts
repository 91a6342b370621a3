/** A worker that was armed when it started dies inside a lock-free operation, after it wrote its last words. */
import { recordedPoint } from '@cxlpod/agent/crash-points';
import type { Post } from '../runs/crew/hand.ts';
import type { Evidence, FaultOutcome, Judgement } from '../runs/evidence.ts';
import { tellMissingPoint } from '../workload/program-points.ts';
import { programResultOf } from '../workload/result-of.ts';
import type { Fault } from './fault.ts';

interface Passage {
  readonly point: string;
  readonly hit: number;
}

export function killAtPoint(post: Post, crash: Passage): Pick<Fault, 'sentence' | 'schedule' | 'arm' | 'strike' | 'fired'> {
  const { machine, worker } = post;
  const { point, hit } = crash;
  return {
    sentence: `SIGKILL to ${worker} on ${machine} at ${point}, passage ${hit}`,
    schedule: { when: 'armed' },
    arm: (other) => (other.machine === machine && other.worker === worker ? crash : null),
    strike: async ({ crew }, signal) => {
      const exit = await crew.exitOfArmed(crash, signal);
      if (exit === null || exit.asked) return null;
      return {
        sentence: `${worker} on ${machine} died by ${exit.signal ?? `exit code ${exit.exitCode}`}, armed with ${point}`,
        evidence: { point, hit, signal: exit.signal, pid: exit.pid },
        at: { clock: machine, ns: exit.atNs },
      };
    },
    fired: (evidence, outcome) => judgeLastWords(evidence, outcome, post, crash),
  };
}

/** Its last words are in the history, and it was seen to die. Who stood still before has written some there as well. */
export function judgeLastWords(
  { exits, history, machines, workload }: Evidence,
  { seen }: FaultOutcome,
  { machine, worker }: Post,
  { point, hit }: Passage,
): Judgement {
  const pid = seen?.evidence.pid;
  const exit = exits.find(
    (each) => each.machine === machine && each.worker === worker && !each.asked && (pid === undefined || each.pid === pid),
  );
  const machineNumber = machines.indexOf(machine) + 1;
  const recorded = history?.records.findLast(
    (record) => record.kind === 'last-words' && record.machine === machineNumber && record.pid === exit?.pid,
  );
  // Of a program's point, one of an older run has only a number.
  const isAtPoint = recorded?.kind === 'last-words' && recordedPoint(recorded.point) === recordedPoint(point);
  const lastWords = isAtPoint ? { ...recorded, point } : recorded;
  const unknown = (why: string): Judgement => ({
    verdict: 'unknown',
    sentence: `The fault was not seen to fire: ${why}.`,
    evidence: { exit: exit ?? null, lastWords: lastWords ?? null },
  });
  if (exit === undefined) {
    const known = programResultOf(workload)?.crashPoints;
    const missing = known === undefined ? '' : tellMissingPoint(point, known);
    return unknown(`${worker} on ${machine} did not die, or come to passage ${hit} of ${point}${missing}`);
  }
  if (exit.signal !== 'SIGKILL')
    return unknown(`${worker} ended with ${exit.signal ?? `exit code ${exit.exitCode}`}, not SIGKILL`);
  if (exit.fenced === null) return unknown(`the end of ${worker} was not seen, so it is not fenced`);
  if (history === null) return unknown('the history cannot be read');
  if (lastWords?.kind !== 'last-words') return unknown(`pid ${exit.pid} left no last words`);
  if (!isAtPoint || lastWords.hit !== hit) {
    return unknown(`pid ${exit.pid} died at ${lastWords.point}, passage ${lastWords.hit}, not at ${point}, passage ${hit}`);
  }
  return {
    verdict: 'valid',
    sentence: `${worker} on ${machine} wrote its last words at ${point}, passage ${hit}, and was then seen to die by SIGKILL; it is fenced.`,
    evidence: { exit, lastWords },
  };
}
