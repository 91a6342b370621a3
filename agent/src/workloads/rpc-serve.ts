import { AgentError } from '../protocol/agent-error.ts';
import { name, object, oneOf } from '../protocol/shape.ts';
import type { Tasks } from '../protocol/tasks.ts';
import { type Handler, listen, serveUntilClosed } from '../rpc/index.ts';
import { waitingStrategies } from '../rpc/wait.ts';
import type { Workload } from './workload.ts';

/** Serves one connection with an echo, until the caller closes it or is fenced. */
export const rpcServe: Workload<'rpc-serve'> = {
  parameters: object<Tasks['rpc-serve']['parameters']>(
    { service: name, handler: oneOf('core', 'javascript') },
    { waiting: oneOf(...waitingStrategies) },
  ),
  run: ({ core, remainingMs, progress }, { service, handler, ...options }) => {
    const server = listen(core, service, options);
    try {
      progress({ listening: service });
      const end = serveUntilClosed(server, { handler: handler === 'core' ? 'echo' : echo, deadlineMs: remainingMs() });
      if (end === 'deadline' || end === 'aborted') {
        throw new AgentError('DEADLINE', `nobody closed the connection of ${service} in time`, {
          cause: `${server.served} requests were served`,
        });
      }
      return { served: server.served, refused: server.refused };
    } finally {
      server.close();
    }
  },
};

const echo: Handler = (request, response) => {
  response.set(request);
  return request.length;
};
