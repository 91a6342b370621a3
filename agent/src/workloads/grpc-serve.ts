import { AgentError } from '../protocol/agent-error.ts';
import { integer, object, text } from '../protocol/shape.ts';
import type { Tasks } from '../protocol/tasks.ts';
import { loadGrpc } from './grpc.ts';
import type { Workload } from './workload.ts';

/** An echo over gRPC, until a caller says that it is done. */
export const grpcServe: Workload<'grpc-serve'> = {
  parameters: object<Tasks['grpc-serve']['parameters']>({ host: text({ maximum: 255 }), port: integer(1, 65_535) }),
  run: async ({ signal, progress }, { host, port }) => {
    const server = await loadGrpc()
      .serveEcho(host, port)
      .catch((cause: unknown) => {
        throw new AgentError('GRPC_FAILED', `cannot serve on ${host} port ${port}`, { cause, hint: 'is the port free?' });
      });
    progress({ listening: `${host}:${port}` });
    let abort: (() => void) | undefined;
    const aborted = new Promise<never>((_, reject) => {
      abort = () => reject(new AgentError('GRPC_FAILED', `no caller ended the server on port ${port}`, { cause: 'aborted' }));
      signal.addEventListener('abort', abort);
    });
    try {
      return { served: await Promise.race([server.ended, aborted]) };
    } finally {
      if (abort !== undefined) signal.removeEventListener('abort', abort);
      server.close();
    }
  },
};
