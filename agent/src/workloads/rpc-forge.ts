import { AgentError } from '../protocol/agent-error.ts';
import { name, object } from '../protocol/shape.ts';
import type { Tasks } from '../protocol/tasks.ts';
import { connect } from '../rpc/index.ts';
import { EchoPayload } from './payload.ts';
import type { Workload } from './workload.ts';

type Lie = { readonly offset?: bigint; readonly length?: number };

/**
 * Sends requests that lie about where or how long they are. The server must refuse each, touch nothing it should not, and
 * serve the honest call that follows each.
 */
export const rpcForge: Workload<'rpc-forge'> = {
  parameters: object<Tasks['rpc-forge']['parameters']>({ service: name }),
  run: ({ core, remainingMs }, { service }) => {
    const connection = connect(core, service, { deadlineMs: remainingMs() });
    const payload = new EchoPayload(64);
    let refused = 0;
    try {
      const lies = liesFor(BigInt(core.mapped.poolSizeBytes), connection.payloadBytes);
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

function liesFor(poolSizeBytes: bigint, payloadBytes: number): readonly Lie[] {
  return [
    { offset: 0n },
    { offset: 64n },
    { offset: poolSizeBytes - 64n },
    { offset: poolSizeBytes },
    { offset: poolSizeBytes + 64n },
    { offset: 1n << 32n },
    { offset: (1n << 48n) - 64n },
    { offset: poolSizeBytes / 2n + 1n },
    { length: payloadBytes + 1 },
    { length: 0x7fff_ffff },
    { length: 0xffff_ffff },
    { offset: poolSizeBytes - 64n, length: 0xffff_ffff },
  ];
}

function describe(lie: Lie): string {
  return `offset ${lie.offset ?? 'honest'}, length ${lie.length ?? 'honest'}`;
}
