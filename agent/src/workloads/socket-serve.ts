/** The server of `socket-call.ts`: the first four bytes say how long every message is, from then on messages are bare. */
import { createServer, type ListenOptions, type Socket } from 'node:net';
import { AgentError } from '../protocol/agent-error.ts';
import type { TaskContext } from './workload.ts';

export interface ListenPlace {
  readonly options: ListenOptions;
  readonly text: string;
  readonly code: string;
  readonly hint: string;
}

/** Serves one connection until the caller ends it. */
export function serveSocket(
  { signal, progress }: Pick<TaskContext, 'signal' | 'progress'>,
  { options, text, code, hint }: ListenPlace,
): Promise<{ readonly served: number }> {
  return new Promise((resolve, reject) => {
    const server = createServer({ noDelay: true });
    const end = (settle: () => void) => {
      signal.removeEventListener('abort', abort);
      server.close();
      settle();
    };
    const fail = (error: Error) => end(() => reject(new AgentError(code, `cannot serve on ${text}`, { cause: error, hint })));
    const abort = () => fail(new Error('aborted'));
    signal.addEventListener('abort', abort);
    server.on('error', fail);
    server.once('connection', (socket) => {
      server.close();
      const onAbort = () => socket.destroy(new Error('aborted'));
      signal.addEventListener('abort', onAbort);
      const served = echo(socket);
      socket.on('error', fail);
      socket.on('close', () => {
        signal.removeEventListener('abort', onAbort);
        end(() => resolve({ served: served() }));
      });
    });
    server.listen({ ...options, backlog: 1 }, () => progress({ listening: text }));
  });
}

/** Echoes whole messages; returns how many so far. */
function echo(socket: Socket): () => number {
  let messageBytes = 0;
  let pending: Buffer = Buffer.alloc(0);
  let served = 0;
  socket.on('data', (chunk: Buffer) => {
    pending = pending.length === 0 ? chunk : Buffer.concat([pending, chunk]);
    if (messageBytes === 0) {
      if (pending.length < 4) return;
      messageBytes = pending.readUInt32LE(0);
      pending = pending.subarray(4);
      if (messageBytes === 0 || messageBytes > 65_536) {
        socket.destroy(new Error(`a caller announced messages of ${messageBytes} bytes`));
        return;
      }
    }
    const whole = pending.length - (pending.length % messageBytes);
    if (whole === 0) return;
    socket.write(pending.subarray(0, whole));
    served += whole / messageBytes;
    pending = pending.subarray(whole);
  });
  return () => served;
}
