import { object, text } from '../protocol/shape.ts';
import type { Tasks } from '../protocol/tasks.ts';
import { serveSocket } from './socket-serve.ts';
import type { Workload } from './workload.ts';

/** What `sun_path` holds, without its terminating zero. */
export const socketPath = text({ maximum: 107, pattern: /^\/./ });

/** The same echo over a unix socket: serves one connection until the caller ends it. */
export const unixServe: Workload<'unix-serve'> = {
  parameters: object<Tasks['unix-serve']['parameters']>({ path: socketPath }),
  run: (context, { path }) =>
    serveSocket(context, {
      options: { path },
      text: path,
      code: 'UNIX_SOCKET_FAILED',
      hint: 'is there a file of this name already?',
    }),
};
