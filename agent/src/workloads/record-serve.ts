import { AgentError } from '../protocol/agent-error.ts';
import { integer, name, object } from '../protocol/shape.ts';
import type { Tasks } from '../protocol/tasks.ts';
import { type Handler, listen, serveUntilClosed } from '../rpc/index.ts';
import type { HeapClient } from '../shm/index.ts';
import { heapOf } from './heap-of.ts';
import { asks, fillRecord, readRequest, recordsName } from './records.ts';
import type { Workload } from './workload.ts';

type Parameters = Tasks['record-serve']['parameters'];

/** Two slots are the fewest that a connection has, and what fits into one then. */
const window = 2;

/** The same records twice: in this process, as who shares nothing has them, and in the heap. */
export const recordServe: Workload<'record-serve'> = {
  parameters: object<Parameters>({
    service: name,
    records: integer(1, 4096),
    recordBytes: integer(64, 9_664),
  }),
  run: ({ core, remainingMs }, { service, records, recordBytes }) => {
    const own = Array.from({ length: records }, (_, record) => fillRecord(new Uint32Array(recordBytes / 4), record));
    const heap = heapOf(core);
    publish(heap, recordsName(service), own);
    const server = listen(core, service, { window, payloadBytes: recordBytes });
    try {
      const end = serveUntilClosed(server, { handler: answererOf(own), deadlineMs: remainingMs() });
      if (end !== 'closed') throw new AgentError('DEADLINE', `nobody closed the connection of ${service}`, { cause: end });
      return { served: server.served };
    } finally {
      server.close();
      heap.setRoot(recordsName(service), undefined);
    }
  },
};

function publish(heap: HeapClient, name: string, own: readonly Uint32Array[]): void {
  using table = heap.alloc(8, own.length);
  for (const [record, words] of own.entries()) {
    using ref = heap.alloc(words.byteLength);
    ref.bytes.set(new Uint8Array(words.buffer));
    table.attach(record, ref);
  }
  heap.setRoot(name, table);
}

function answererOf(own: readonly Uint32Array[]): Handler {
  return (request, response) => {
    const { ask, record, field } = readRequest(request);
    const words = own[record]!;
    const answer = new DataView(response.buffer, response.byteOffset, response.byteLength);
    if (ask === asks.whole) {
      response.set(new Uint8Array(words.buffer));
      return words.byteLength;
    }
    answer.setUint32(0, ask === asks.field ? words[field]! : record, true);
    return 4;
  };
}
