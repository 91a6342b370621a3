import { integer, object, text } from '../protocol/shape.ts';
import type { Tasks } from '../protocol/tasks.ts';
import { serveSocket } from './socket-serve.ts';
import type { Workload } from './workload.ts';

/** The same echo over TCP: serves one connection until the caller ends it. */
export const tcpServe: Workload<'tcp-serve'> = {
  parameters: object<Tasks['tcp-serve']['parameters']>({ host: text({ maximum: 255 }), port: integer(1, 65_535) }),
  run: (context, { host, port }) =>
    serveSocket(context, {
      options: { host, port },
      text: `${host} port ${port}`,
      code: 'TCP_FAILED',
      hint: 'is the port free?',
    }),
};
