/** `cxlpod recover`: what a run does beside its workload, for a pod whose controller is gone. Exits 4 while somebody stays quarantined. */
import type { CommandContext } from '../cli/command.ts';
import { table } from '../cli/table.ts';
import { openMachines, requireUp } from '../cluster/open-pod.ts';
import { lockPod } from '../cluster/pod-lock.ts';
import { podPaths } from '../cluster/pod-paths.ts';
import type { AgentConnection } from '../deploy/agent-connection.ts';
import { attachToMachine } from '../deploy/deploy-agent.ts';
import { exitCodes } from '../errors/cxlpod-error.ts';
import type { Machine } from '../provider/provider.ts';
import { Timeline } from '../traces/timeline.ts';
import type { RecoveryOutcome, RecoveryPolicy } from './outcome.ts';
import { startRecovery } from './recovery-service.ts';

const attachWithinMs = 5_000;
const recoverWithinMs = 60_000;

export async function recoverCommand(
  pod: string,
  { json, ...policy }: RecoveryPolicy & { readonly json: boolean },
  context: CommandContext,
): Promise<number> {
  const lock = await lockPod(pod, 'recover');
  try {
    const outcomes = await recoverPod(pod, policy, context.signal);
    if (json) context.out(JSON.stringify(outcomes, null, 2));
    else context.out(describeOutcomes(outcomes));
    return outcomes.some(({ state }) => state === 'pending') ? exitCodes.unknown : exitCodes.valid;
  } finally {
    await lock.release();
  }
}

async function recoverPod(pod: string, policy: RecoveryPolicy, signal: AbortSignal): Promise<readonly RecoveryOutcome[]> {
  const found = await openMachines(await requireUp(pod));
  const machines = await Promise.all(found.map(async (machine) => ({ machine, agent: await agentOf(machine, signal) })));
  try {
    await using service = await startRecovery({ machines, paths: podPaths(pod) }, new Timeline(), policy);
    await service.finish({ deadlineMs: recoverWithinMs });
    return service.outcomes();
  } finally {
    await Promise.allSettled(machines.map(({ agent }) => agent?.close()));
    await Promise.allSettled(found.map((machine) => machine.close()));
  }
}

/** Null for a machine that has ended, or does not answer. */
function agentOf(machine: Machine, signal: AbortSignal): Promise<AgentConnection | null> {
  return attachToMachine(machine, { attachWithinMs, signal }).catch(() => null);
}

function describeOutcomes(outcomes: readonly RecoveryOutcome[]): string {
  if (outcomes.length === 0) return 'nobody is suspected, and no machine has ended';
  const rows = outcomes.map(({ machine, id, incarnation, state, by, because }) => [
    machine,
    `${id}, incarnation ${incarnation}`,
    state,
    by === null ? (because ?? '') : `by ${by}`,
  ]);
  return table([['machine', 'client', 'state', ''], ...rows]);
}
