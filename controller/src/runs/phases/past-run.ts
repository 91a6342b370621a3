/** A run whose controller is gone, for the one that goes on with it. */
import type { AgentEvent } from '@cxlpod/agent/protocol';
import { startAgent } from '../../faults/kill-agent.ts';
import { bootAgain } from '../../faults/machine-life.ts';
import type { WorkloadContext } from '../../workload/workload.ts';
import type { BegunRun } from '../begun-run.ts';
import type { PastCrew } from '../crew/past-crew.ts';
import type { ControllerGone } from '../run-record.ts';
import type { PastStrikes, Strikes } from '../strike-faults.ts';
import type { Run } from './run.ts';

export interface PastRun extends PastCrew {
  readonly begun: BegunRun;
  readonly strikes: PastStrikes;
  readonly gone: readonly ControllerGone[];
  /** What the agents have told since the first controller began. */
  readonly told: readonly { readonly machine: string; readonly event: AgentEvent }[];
  /** Machines that have ended, and those that live without an agent. */
  readonly ended: readonly string[];
  readonly agentless: readonly string[];
  /** Both, and those that stand still. */
  readonly unreached: readonly string[];
}

/** Of machines that have ended and that no fault has, the workers have ended with them. */
export async function recallCrew({ crew, strikes, past }: Run): Promise<void> {
  if (past === null) return;
  await crew.resume(past, past.told);
  for (const name of lost(past.ended, strikes)) crew.machineEnded(name);
}

/** What was lost while no controller was there, for whoever is to go on there. */
export async function bringBack({ past, strikes }: Run, context: WorkloadContext): Promise<void> {
  if (past === null) return;
  const [ended, agentless] = [lost(past.ended, strikes), lost(past.agentless, strikes)];
  if (ended.length > 0) context.say(await bootAgain(context, ended));
  for (const name of agentless) context.say(await startAgent(context, name));
}

/** Those of them that no fault has, which will heal them. */
function lost(machines: readonly string[], strikes: Strikes): readonly string[] {
  return machines.filter((machine) => !strikes.harms(machine));
}
