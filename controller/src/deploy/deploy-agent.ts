import { layoutHash } from '@cxlpod/agent/layout';
import type { AgentEvent } from '@cxlpod/agent/protocol';
import type { Machine } from '../provider/provider.ts';
import { agentBundle } from './agent-bundle.ts';
import type { AgentConnection, SentRequest } from './agent-connection.ts';
import { attachAgent } from './attach-agent.ts';

export interface AttachLimits {
  readonly attachWithinMs: number;
  readonly signal?: AbortSignal;
  /** Told of every event from the first on that the agent still has, those for earlier controllers among them. */
  readonly onEvent?: (event: AgentEvent) => void;
  /** As in `AttachOptions`. */
  readonly resume?: readonly SentRequest[];
}

/** Brings the agent of this build onto a machine that can run commands. */
export async function uploadAgent(machine: Machine): Promise<void> {
  await machine.upload(agentBundle());
}

/** Attaches to the agent of a machine, and stays attached until it is known that there is no agent any more. */
export function attachToMachine(machine: Machine, limits: AttachLimits): Promise<AgentConnection> {
  return attachAgent({
    machine: machine.name,
    layout: layoutHash,
    connect: (signal) => connectOrSayWhy(machine, signal),
    ...limits,
  });
}

async function connectOrSayWhy(machine: Machine, signal: AbortSignal) {
  try {
    return await machine.connectAgent(signal);
  } catch (error) {
    const why = await machine.whyUnreachable();
    if (why !== null) throw why;
    const { message, cause } = error as Error;
    throw new Error(message, { cause });
  }
}
