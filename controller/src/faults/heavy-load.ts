/**
 * `heavyLoad`: no fault at all, but processes that only burn CPU on every machine, several for each of its CPUs. Whoever is taken for dead
 * under it was only slow.
 */
import { z } from 'zod';
import { environmentError } from '../errors/cxlpod-error.ts';
import type { Machine } from '../provider/provider.ts';
import { type Fault, type FaultKind, seenToFire } from './fault.ts';
import { scheduled, scheduleOf } from './schedule.ts';

const parameters = scheduled({ processes: z.number().int().min(1).max(64).default(4) });

type Parameters = z.output<typeof parameters>;

/** Told apart from anything else on the machine by its name. */
const hog = 'cxlpod-hog';

export const heavyLoad: FaultKind<Parameters> = { parameters, create };

function create({ processes, healAfter, ...when }: Parameters): Fault {
  const pids = new Map<string, readonly string[]>();
  return {
    kind: 'heavyLoad',
    sentence: `${processes} processes that burn CPU on every machine`,
    needs: { machines: [] },
    schedule: scheduleOf(when),
    healAfterMs: healAfter ?? null,
    strike: async ({ pod }) => {
      for (const { machine } of pod.machines) pids.set(machine.name, await startHogs(machine, processes));
      const started = [...pids.values()].flat().length;
      return {
        sentence: `${started} processes burn CPU on ${pod.machines.length} machines`,
        evidence: { started, machines: pod.machines.length },
      };
    },
    heal: async ({ pod }) => {
      for (const { machine } of pod.machines) {
        const started = pids.get(machine.name) ?? [];
        if (started.length > 0) await machine.exec(['kill', '-9', ...started]);
      }
      return 'the processes that burned CPU are gone';
    },
    fired: (_, outcome) => seenToFire(outcome),
  };
}

async function startHogs(machine: Machine, count: number): Promise<readonly string[]> {
  const script = `i=0; while [ $i -lt ${count} ]; do sh -c 'while :; do :; done' ${hog} </dev/null >/dev/null 2>&1 & echo $!; i=$((i+1)); done`;
  const { exitCode, stdout, stderr } = await machine.exec(['sh', '-c', script]);
  const pids = stdout.trim().split('\n');
  if (exitCode === 0 && pids.length === count) return pids;
  throw environmentError('NO_LOAD', `${machine.name} could not be loaded`, { cause: new Error(stderr || stdout) });
}
