import { AgentError } from '../protocol/agent-error.ts';
import { integer, name, object } from '../protocol/shape.ts';
import type { Tasks } from '../protocol/tasks.ts';
import { type Handler, listen, serveUntilClosed } from '../rpc/index.ts';
import { kvShape, storeOf } from './kv-store-of.ts';
import { valueLeastBytes } from './kv-values.ts';
import type { Workload } from './workload.ts';

export const movingParameters = {
  service: name,
  store: name,
  shape: kvShape,
  records: integer(1, 2 ** 24),
  valueBytes: integer(valueLeastBytes, 4096),
} as const;

/** What the taker asks for. `copy`: as many records as fit into an answer, from a key on. */
export const moves = { letGo: 0, claim: 1, copy: 2 } as const;
export const moveRequestBytes = 8;
export const movedPartition = 0;
/** With the fewest slots that a connection has, what fits into one. */
export const answerBytes = 8_192;
export const answerWindow = 2;

/** Has claimed the partition, by `kv-load`. */
export const partitionServe: Workload<'partition-serve'> = {
  parameters: object<Tasks['partition-serve']['parameters']>(movingParameters),
  run: ({ core, remainingMs }, { service, store: storeName, shape, records, valueBytes }) => {
    const store = storeOf(core, storeName, shape);
    const perAnswer = Math.floor(answerBytes / valueBytes);
    const value = new Uint8Array(valueBytes);
    const handler: Handler = (request, response) => {
      const view = new DataView(request.buffer, request.byteOffset, request.byteLength);
      const move = view.getUint32(0, true);
      if (move === moves.letGo) store.letGo(movedPartition);
      else if (move === moves.claim) {
        if (!store.claim(movedPartition))
          throw new AgentError('WRONG_ANSWER', 'a partition that was let go cannot be claimed back');
      } else {
        const first = view.getUint32(4, true);
        const count = Math.min(perAnswer, records - first);
        for (let index = 0; index < count; index++) {
          store.getInto(first + index, value);
          response.set(value, index * valueBytes);
        }
        return count * valueBytes;
      }
      return 4;
    };
    const server = listen(core, service, { window: answerWindow, payloadBytes: answerBytes });
    try {
      const end = serveUntilClosed(server, { handler, deadlineMs: remainingMs() });
      if (end !== 'closed') throw new AgentError('DEADLINE', `nobody closed the connection of ${service}`, { cause: end });
      return { served: server.served };
    } finally {
      server.close();
    }
  },
};
