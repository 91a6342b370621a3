/** What a run tells of itself while it goes on: to whoever looks at its pod, and to a controller that may have to go on in its place. */
import type { Pod } from '../../cluster/pod.ts';
import { type BegunRun, keepBegunRun } from '../begun-run.ts';
import { type LiveRun, tellLiveRun } from '../live-run.ts';
import type { RunRecord } from '../run-record.ts';
import type { Run } from './run.ts';

export interface Telling {
  /** At once, rather than with the next beat. */
  now(): void;
  /** It has a verdict, or needs none: nobody will go on with it. */
  forget(): void;
  stop(): void;
}

export function tellRun(run: Run): Telling {
  const { pod, folder } = run.options;
  let operations: number | null = null;
  const live = tellLiveRun(pod.paths, () => {
    if (run.progress !== null) operations = run.progress.operations();
    return liveOf(run, operations);
  });
  const begun = keepBegunRun(folder, () => begunOf(run));
  run.strikes.onChange = run.crew.onChange = () => begun.tell();
  return {
    now: () => begun.tell(),
    forget: () => {
      begun.remove();
      run.journal.remove();
    },
    stop: () => {
      begun.stop();
      run.phaseNow = 'over';
      live.stop();
    },
  };
}

/** `operations`: the last that were read. */
function liveOf(run: Run, operations: number | null): Omit<LiveRun, 'toldAt'> {
  const { options, scenario, startedAt, phaseNow, strikes, recoveries, verdict } = run;
  return {
    ...{ run: options.folder.name, scenario: scenario.name, seed: scenario.seed, startedAt: startedAt.toISOString() },
    ...{ phase: phaseNow, operations, faults: strikes.outcomes, recoveries, verdict },
  };
}

function begunOf(run: Run): Omit<BegunRun, 'format' | 'controller' | 'toldAt'> {
  const { options, scenario, past, strikes, crew, stalls, loadBefore, startedAt, firstTicket, recoveries } = run;
  const { pod, loaded } = options;
  return {
    ...{ pod: pod.name, scenario, scenarioFile: loaded.fileName, topology: topologyOf(pod) },
    ...{ environment: pod.environment, loadBefore, startedAt: startedAt.toISOString(), firstTicket },
    ...{ faults: strikes.outcomes, strikes: strikes.states, recoveries, crew: crew.memory, hired: crew.hired },
    ...{ stalls: stalls?.memory ?? past?.begun.stalls ?? null, gone: past?.gone ?? [] },
  };
}

export function topologyOf({ topology: { name, machines, pool } }: Pod): RunRecord['topology'] {
  return { name, machines, poolBytes: pool.sizeBytes };
}
