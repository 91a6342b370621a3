/**
 * Pool and history as the agent itself uses them: to format, and to grant and recover after it has seen a worker's end. The
 * agent is no client: it joins nothing and owns nothing in the pool.
 */
import { inspectPool } from '../inspect/index.ts';
import { constants } from '../layout/index.ts';
import { checkPool, formatPool, grantFence, instantiateCore, mapPool, PoolError, recoverClient } from '../pool/pool.ts';
import { AgentError } from '../protocol/agent-error.ts';
import type { ClientIdentity, Requests } from '../protocol/messages.ts';

export type Configuration = Requests['configure']['parameters'];

export interface SharedMemory {
  readonly configuration: Configuration;
  /** Formats, or checks what is formatted; says whether it was this call that did it. */
  format(): boolean;
  isFormatted(): boolean;
  /** Clients of a process of this machine, as the client table says. */
  clientsOf(pid: number): readonly ClientIdentity[];
  /** Only after the end of the client's process was seen: fences it and finishes in its name. */
  bury(client: ClientIdentity): void;
}

export function openSharedMemory(configuration: Configuration): SharedMemory {
  const { pool, history, machineNumber } = configuration;
  const mapped = mapPool({
    poolPath: pool.path,
    poolSizeBytes: pool.sizeBytes,
    historyPath: history.path,
    historySizeBytes: history.sizeBytes,
  });
  const core = instantiateCore(mapped, { thread: 0 });
  return {
    configuration,
    format: () => formatPool(core, { machineNumber }),
    isFormatted: () => {
      try {
        checkPool(core);
        return true;
      } catch (error) {
        if (error instanceof PoolError) return false;
        throw error;
      }
    },
    clientsOf: (pid) => {
      // A copy: the inspector takes the bytes of one moment.
      const bytes = core.bytes.slice(mapped.poolBase, mapped.poolBase + constants.CONTROL_BYTES);
      return inspectPool(bytes, pool.sizeBytes)
        .clients.filter((client) => client.machine === machineNumber && client.pid === pid && client.state !== 'free')
        .map(({ id, incarnation }) => ({ id, incarnation }));
    },
    bury: (client) => {
      grantFence(core, client);
      recoverClient(core, client);
    },
  };
}

/** The same configuration again is no error, another one is: mapped is mapped. */
export function refuseOther(current: Configuration, asked: Configuration): void {
  if (JSON.stringify(current) === JSON.stringify(asked)) return;
  throw new AgentError('ALREADY_CONFIGURED', 'this agent is configured for another pool', {
    cause: `it has ${JSON.stringify(current)}`,
    hint: 'end the agent and start it again',
  });
}
