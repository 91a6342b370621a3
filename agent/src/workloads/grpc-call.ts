import { AgentError } from '../protocol/agent-error.ts';
import { integer, object, text } from '../protocol/shape.ts';
import type { Tasks } from '../protocol/tasks.ts';
import { loadGrpc } from './grpc.ts';
import { EchoPayload } from './payload.ts';
import { recordCalls } from './record-calls.ts';
import type { Workload } from './workload.ts';

/** Echo calls over gRPC, one at a time; each response is verified. */
export const grpcCall: Workload<'grpc-call'> = {
  parameters: object<Tasks['grpc-call']['parameters']>({
    host: text({ maximum: 255 }),
    port: integer(1, 65_535),
    payloadBytes: integer(1, 65_536),
    calls: integer(1, 10_000_000),
  }),
  run: async ({ signal, remainingMs }, { host, port, payloadBytes, calls }) => {
    const failed = (cause: unknown): AgentError => {
      if (cause instanceof AgentError) return cause;
      return new AgentError('GRPC_FAILED', `a call to ${host} port ${port} failed`, { cause });
    };
    const client = await loadGrpc()
      .connectEcho(host, port, remainingMs())
      .catch((cause: unknown) => {
        throw failed(cause);
      });
    const abort = () => client.close();
    signal.addEventListener('abort', abort);
    const payload = new EchoPayload(payloadBytes);
    let number = 0;
    try {
      const summary = await recordCalls(calls, async () => {
        number++;
        payload.verify(await client.call(Buffer.from(payload.number(number))), number);
      });
      await client.end();
      return summary;
    } catch (error) {
      throw failed(error);
    } finally {
      signal.removeEventListener('abort', abort);
      client.close();
    }
  },
};
