import { recordInvoke } from '../history/record.ts';
import { AgentError } from '../protocol/agent-error.ts';
import { integer, name, object } from '../protocol/shape.ts';
import type { Tasks } from '../protocol/tasks.ts';
import { listen, type Server, Waiter } from '../rpc/index.ts';
import type { Workload } from './workload.ts';

interface Served {
  readonly server: Server;
  /** Requests that were taken and wait for their answer. */
  readonly taken: { readonly slot: number; readonly lengthBytes: number }[];
}

const idleMs = 20;
/** So that some are executed and not answered at any time. */
const answeredTogether = 4;

function answer(server: Server, taken: Served['taken']): void {
  for (const { slot, lengthBytes } of taken.splice(0).reverse()) server.reply(slot, lengthBytes);
}

/** Echoes of several connections, the last of some requests first; every execution is in the history before it is answered. */
export const pipelinedServe: Workload<'pipelined-serve'> = {
  parameters: object<Tasks['pipelined-serve']['parameters']>({
    service: name,
    connections: integer(1, 16),
    callsPerSecond: integer(1, 1_000_000),
  }),
  run: ({ core, remainingMs, progress }, { service, connections, callsPerSecond }) => {
    const waiter = new Waiter(core);
    const open = new Set<Served>();
    for (let count = 0; count < connections; count++) open.add({ server: listen(core, service), taken: [] });
    progress({ listening: service });
    let executed = 0;
    const startedAt = performance.now();
    const mayTake = (): boolean => executed < ((performance.now() - startedAt) / 1000) * callsPerSecond;
    const execute = ({ server, taken }: Served): 'worked' | 'idle' | 'over' => {
      if (!mayTake()) return 'idle';
      const request = server.take(1);
      if (request === 'closed' || request === 'peer-lost') return 'over';
      if (typeof request === 'object') {
        const call = new DataView(request.bytes.buffer, request.bytes.byteOffset).getUint32(0, true);
        if (!recordInvoke(core, { operation: 'rpc-serve', call, argument: server.connection })) {
          throw new AgentError('HISTORY_FULL', 'the history has no room for another execution');
        }
        executed++;
        server.response(request.slot).set(request.bytes);
        taken.push({ slot: request.slot, lengthBytes: request.bytes.length });
        if (taken.length === answeredTogether) answer(server, taken);
        return 'worked';
      }
      answer(server, taken);
      return 'idle';
    };
    try {
      while (open.size > 0) {
        let worked = false;
        for (const served of open) {
          const turn = execute(served);
          if (turn === 'over') {
            served.server.close();
            open.delete(served);
          } else if (turn === 'worked') worked = true;
        }
        if (worked) waiter.worked();
        else waiter.idle(Math.min(idleMs, remainingMs()));
        if (!worked && remainingMs() <= 1) throw new AgentError('DEADLINE', `callers of ${service} did not close in time`);
      }
      return { executed };
    } finally {
      waiter.stop();
      for (const { server } of open) server.close();
    }
  },
};
