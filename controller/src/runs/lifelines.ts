/** What stood still, was dead or was being recovered, and for how long: for the time line, from what the run saw. */
import type { RecoveryOutcome } from '../recovery/index.ts';
import type { Stamp } from '../traces/align-clocks.ts';
import type { Lane, TimelineSpan } from '../traces/timeline.ts';
import type { FaultOutcome } from './evidence.ts';

/** What whoever is struck is like until it is healed. */
const states: Readonly<Record<string, string>> = {
  killWorker: 'dead',
  powerOff: 'dead',
  killContainer: 'dead',
  allPowerOff: 'dead',
  freeze: 'frozen',
  pauseWorker: 'frozen',
  softwareFence: 'frozen',
  slow: 'slow',
  heavyLoad: 'under load',
  cutLink: 'cut off',
  killAgent: 'no agent',
  killRecoverer: 'no agent',
  killController: 'no controller',
  loseDevice: 'no device',
  exhaustGuestMemory: 'no memory',
  limitWorkerMemory: 'little memory',
  exhaustPool: 'pool full',
};

/** From the moment it was seen to strike until it was healed, or the end. */
export function harmSpans(faults: readonly FaultOutcome[], machines: readonly string[], end: Stamp): TimelineSpan[] {
  return faults.flatMap(({ kind, sentence, lane, struckAt, seen, healedAt }) => {
    const name = states[kind];
    if (struckAt === null || name === undefined) return [];
    const lanes: readonly Lane[] = lane === undefined ? machines.map((machine) => ({ machine, name: 'machine' })) : [lane];
    const detail = { fault: sentence, seen: seen?.sentence ?? null, healed: healedAt !== null };
    return lanes.map((each): TimelineSpan => ({ lane: each, kind: 'harm', name, start: struckAt, end: healedAt ?? end, detail }));
  });
}

/** One for all clients of a machine that went the same way together. */
export function recoverySpans(recoveries: readonly RecoveryOutcome[]): TimelineSpan[] {
  const spans = new Map<string, TimelineSpan & { readonly clients: string[] }>();
  const add = (outcome: RecoveryOutcome, name: string, start: Stamp | null, end: Stamp | null): void => {
    if (start === null || end === null || end.ns < start.ns) return;
    const lane = { machine: outcome.machine, name: 'recovery' };
    const key = `${outcome.machine} ${name} ${start.ns} ${end.ns}`;
    const span = spans.get(key) ?? { lane, kind: 'recovery' as const, name, start, end, clients: [] };
    span.clients.push(`${outcome.id}.${outcome.incarnation}`);
    spans.set(key, span);
  };
  for (const outcome of recoveries) {
    const { suspectedAt, endSeenAt, fencedAt, recoveredAt } = outcome;
    add(outcome, 'suspected', suspectedAt, fencedAt ?? endSeenAt);
    add(outcome, 'being recovered', fencedAt, recoveredAt);
  }
  return [...spans.values()].map(({ clients, ...span }) => ({ ...span, detail: { clients: clients.join(' ') } }));
}
