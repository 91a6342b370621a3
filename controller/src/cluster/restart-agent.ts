import type { Topology } from '../config/topology.ts';
import { attachToMachine } from '../deploy/deploy-agent.ts';
import { environmentError } from '../errors/cxlpod-error.ts';
import type { Machine } from '../provider/provider.ts';
import type { PodMachine } from './pod.ts';
import { configureAgent } from './prepare-pool.ts';

/** What a machine says that lives without its agent. */
export const agentDied = 'AGENT_DIED';

/**
 * A new agent for a machine whose agent has ended: it adopts the workers that live, and has recovered those that died before this
 * resolves. The connection to the old one is useless and its holder's to close.
 */
export async function restartAgent(
  machine: Machine,
  topology: Topology,
  options: { readonly signal?: AbortSignal } = {},
): Promise<PodMachine> {
  const why = await machine.whyUnreachable();
  if (why !== null && why.code !== agentDied) throw why;
  if (why === null) {
    throw environmentError('AGENT_ALIVE', `the agent of ${machine.name} has not ended`, {
      hint: 'use it; or end it first: two agents would both watch over the same workers',
    });
  }
  await machine.startAgent();
  const agent = await attachToMachine(machine, { attachWithinMs: topology.timeouts.agentMs, ...options });
  try {
    await configureAgent({ machine, agent }, topology);
    return { machine, agent };
  } catch (error) {
    await agent.close();
    throw error;
  }
}
