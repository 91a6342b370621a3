import { integer, object, text } from '../protocol/shape.ts';
import type { Tasks } from '../protocol/tasks.ts';
import { callOverSocket } from './socket-call.ts';
import type { Workload } from './workload.ts';

/** Echo calls over TCP without delay, one at a time; each response is verified. */
export const tcpCall: Workload<'tcp-call'> = {
  parameters: object<Tasks['tcp-call']['parameters']>({
    host: text({ maximum: 255 }),
    port: integer(1, 65_535),
    payloadBytes: integer(1, 65_536),
    calls: integer(1, 10_000_000),
  }),
  run: (context, { host, port, ...calls }) =>
    callOverSocket(context, { options: { host, port, noDelay: true }, text: `${host} port ${port}`, code: 'TCP_FAILED' }, calls),
};
