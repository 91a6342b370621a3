import { constants } from '../layout/index.ts';
import { AgentError } from '../protocol/agent-error.ts';
import { name, object } from '../protocol/shape.ts';
import type { Tasks } from '../protocol/tasks.ts';
import { type Connection, connect } from '../rpc/index.ts';
import { EchoPayload } from './payload.ts';
import type { Workload } from './workload.ts';

type Lie = { readonly offset?: number; readonly length?: number; readonly kind?: number };

/**
 * Sends requests that lie about where or how long they are. The server must refuse each, touch nothing it should not, and
 * serve the honest call that follows each.
 */
export const rpcForge: Workload<'rpc-forge'> = {
  parameters: object<Tasks['rpc-forge']['parameters']>({ service: name }),
  run: ({ core, remainingMs }, { service }) => {
    const connection = connect(core, service, { deadlineMs: remainingMs() });
    const payload = new EchoPayload(64, core.bytes.buffer);
    let refused = 0;
    try {
      const lies = liesFor(core.mapped.poolSizeBytes, connection);
      for (const [index, lie] of lies.entries()) {
        const answer = connection.forge(lie, { deadlineMs: remainingMs() });
        if (answer === 'REFUSED') refused++;
        else if (answer !== 'ACCEPTED') {
          throw new AgentError('WRONG_ANSWER', `a forged request was answered with ${answer}`, { cause: describe(lie) });
        }
        payload.verify(connection.callSync(payload.number(index), { deadlineMs: remainingMs() }), index);
      }
      return { sent: lies.length, refused };
    } finally {
      connection.close();
    }
  },
};

/** As many sorts as the entry can express: offsets in lines up to 4 GiB, lengths up to 64 KiB, kinds with and without a header. */
function liesFor(poolSizeBytes: number, { connection, payloadBytes }: Connection): readonly Lie[] {
  const at = constants.CONNECTIONS_OFFSET + connection * constants.CONNECTION_BYTES;
  const arena = at + constants.REQUEST_ARENA_OFFSET;
  const end = arena + constants.ARENA_BYTES;
  const pastPool = 2 ** 32 - 64;
  const outside = [
    0,
    64,
    poolSizeBytes - 64,
    poolSizeBytes,
    poolSizeBytes + 64,
    2 ** 31,
    pastPool,
    at,
    at + constants.REQUEST_RING_OFFSET,
    arena - 64,
    // The line of the first header: a payload there would have its own header outside.
    arena,
    end,
    end + constants.CONNECTION_BYTES,
  ].filter((offset) => offset < 2 ** 32);
  const lengths = [payloadBytes + 1, constants.ARENA_BYTES, constants.PAYLOAD_LIMIT_BYTES, 0x7fff, 0x8000, 0xffff];
  return [
    ...outside.map((offset) => ({ offset })),
    ...outside.map((offset) => ({ offset, kind: constants.KIND_HEADER })),
    ...lengths.filter((length) => length > payloadBytes).map((length) => ({ length })),
    ...lengths.map((length) => ({ offset: pastPool, length })),
    { offset: end - 64, length: 65, kind: constants.KIND_LIMIT - 1 },
    { length: 0xffff, kind: constants.KIND_LIMIT - 1 },
    { offset: arena, length: payloadBytes + 1, kind: constants.KIND_HEADER + 1 },
  ];
}

function describe({ offset, length, kind }: Lie): string {
  return `offset ${offset ?? 'honest'}, length ${length ?? 'honest'}, kind ${kind ?? 'honest'}`;
}
