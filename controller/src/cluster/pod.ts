/** A running pod as the rest of the controller sees it: machines, each with a connected agent. */

import type { Topology } from '../config/topology.ts';
import type { AgentConnection } from '../deploy/agent-connection.ts';
import type { Environment, Machine, PodPaths } from '../provider/provider.ts';

export interface PodMachine {
  readonly machine: Machine;
  readonly agent: AgentConnection;
}

export interface Pod extends AsyncDisposable {
  readonly name: string;
  readonly topology: Topology;
  readonly environment: Environment;
  readonly paths: PodPaths;
  /** In number order; those that have joined. */
  readonly machines: readonly PodMachine[];
  /** The machine called `name`; a usage error that lists the names otherwise. */
  machine(name: string): PodMachine;
  /** Takes in a machine that joined, was booted again, or has another agent: it stands where the one of its name stood. */
  admit(machine: PodMachine): void;
  /** Told of each machine that is admitted from now on. Returns the function that unsubscribes. */
  onAdmitted(listener: (machine: PodMachine) => void): () => void;
}
