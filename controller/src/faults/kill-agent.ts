/** `killAgent`: the daemon of a machine dies by SIGKILL. Its workers work on; the next daemon adopts them. */
import type { z } from 'zod';
import { configureAgent } from '../cluster/prepare-pool.ts';
import { agentDied } from '../cluster/restart-agent.ts';
import { name } from '../config/names.ts';
import type { AgentConnection } from '../deploy/agent-connection.ts';
import { attachToMachine } from '../deploy/deploy-agent.ts';
import { CxlpodError } from '../errors/cxlpod-error.ts';
import type { WorkloadContext } from '../workload/workload.ts';
import { type Fault, type FaultKind, seenToFire } from './fault.ts';
import { killsAll, laneOfMachine } from './machine-life.ts';
import { scheduled, scheduleOf } from './schedule.ts';

const parameters = scheduled({ machine: name });

type Parameters = z.output<typeof parameters>;

const startedAgainAfterMs = 500;

export const killAgent: FaultKind<Parameters> = {
  parameters,
  create,
  draw: (random, { machines }) => ({ machine: random.oneOf(machines) }),
};

function create({ machine, healAfter, ...when }: Parameters): Fault {
  return {
    kind: 'killAgent',
    sentence: `SIGKILL to the agent of ${machine}`,
    needs: { machines: [machine] },
    takesDown: true,
    schedule: scheduleOf(when),
    healAfterMs: healAfter ?? startedAgainAfterMs,
    lane: laneOfMachine(machine),
    strike: async ({ pod, crew }) => {
      const { machine: its, agent } = pod.machine(machine);
      const pid = await pidOf(agent);
      if (pid === null) {
        return { sentence: `the agent of ${machine} was found to have ended`, evidence: { machine } };
      }
      await its.killAgent();
      const workers = crew.handsOn(machine).length;
      return { sentence: `the agent of ${machine}, process ${pid}, was seen to end`, evidence: { machine, pid, workers } };
    },
    heal: (context) => startAgent(context, machine),
    fired: (_, outcome) => seenToFire(outcome),
    // A worker without an agent ends when its task does.
    explains: (exit) => exit.machine === machine && exit.signal === null,
    kills: killsAll,
  };
}

/** Null for one that has ended, as after a controller that killed it, and ended itself before it could tell. */
export async function pidOf(agent: AgentConnection): Promise<number | null> {
  try {
    return (await agent.request('status', {})).pid;
  } catch (error) {
    if (error instanceof CxlpodError && error.code === agentDied) return null;
    throw error;
  }
}

/** Starts the next agent, which adopts whoever is at work; those leave when their task is done, and their posts are filled again. */
export async function startAgent({ pod, crew, signal }: WorkloadContext, name: string): Promise<string> {
  const { machine, agent } = pod.machine(name);
  await agent.close();
  // A controller that is gone may have started it.
  if ((await machine.whyUnreachable()) !== null) await machine.startAgent();
  const next = { machine, agent: await attachToMachine(machine, { attachWithinMs: pod.topology.timeouts.agentMs }) };
  await configureAgent(next, pod.topology);
  pod.admit(next);
  // Asked once the crew listens: whoever is not there now has ended before, or has been told of.
  const { workers } = await next.agent.request('status', {});
  crew.agentReplaced(
    name,
    workers.map(({ worker }) => worker),
  );
  if (signal.aborted) return `${name} has another agent`;
  const hands = await crew.restartOn(name);
  return `${name} has another agent, which found ${workers.length} at work; ${hands.length} posts filled again`;
}
