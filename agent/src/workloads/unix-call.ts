import { integer, object } from '../protocol/shape.ts';
import type { Tasks } from '../protocol/tasks.ts';
import { callOverSocket } from './socket-call.ts';
import { socketPath } from './unix-serve.ts';
import type { Workload } from './workload.ts';

/** Echo calls over a unix socket, one at a time; each response is verified. */
export const unixCall: Workload<'unix-call'> = {
  parameters: object<Tasks['unix-call']['parameters']>({
    path: socketPath,
    payloadBytes: integer(1, 65_536),
    calls: integer(1, 10_000_000),
  }),
  run: (context, { path, ...calls }) =>
    callOverSocket(context, { options: { path }, text: path, code: 'UNIX_SOCKET_FAILED' }, calls),
};
