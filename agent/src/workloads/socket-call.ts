/** Echo calls over a stream socket, one at a time; what TCP and unix sockets are measured with. */
import { connect, type NetConnectOpts, type Socket } from 'node:net';
import { setTimeout as after } from 'node:timers/promises';
import { AgentError } from '../protocol/agent-error.ts';
import type { CallSummary } from '../protocol/tasks.ts';
import { EchoPayload } from './payload.ts';
import { recordCalls } from './record-calls.ts';
import type { TaskContext } from './workload.ts';

/** Where to, as a person reads it, and the code of its failures. */
export interface SocketPlace {
  readonly options: NetConnectOpts;
  readonly text: string;
  readonly code: string;
}

const retryMs = 20;

/** Each response is verified. */
export async function callOverSocket(
  { signal, remainingMs }: Pick<TaskContext, 'signal' | 'remainingMs'>,
  place: SocketPlace,
  { payloadBytes, calls }: { readonly payloadBytes: number; readonly calls: number },
): Promise<CallSummary> {
  const socket = await connectWithin(place, remainingMs(), signal);
  try {
    return await recordCalls(calls, caller(socket, place, payloadBytes, signal));
  } finally {
    socket.end();
  }
}

/** The server may start a moment later than its caller. */
async function connectWithin(place: SocketPlace, timeoutMs: number, signal: AbortSignal): Promise<Socket> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    try {
      return await connectOnce(place.options, signal);
    } catch (error) {
      if (signal.aborted || performance.now() + retryMs > deadline) {
        throw new AgentError(place.code, `cannot connect to ${place.text}`, { cause: error });
      }
      await after(retryMs);
    }
  }
}

function connectOnce(options: NetConnectOpts, signal: AbortSignal): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ ...options, signal });
    socket.once('connect', () => {
      socket.off('error', reject);
      resolve(socket);
    });
    socket.once('error', reject);
  });
}

function caller(socket: Socket, { code, text }: SocketPlace, payloadBytes: number, signal: AbortSignal): () => Promise<void> {
  const payload = new EchoPayload(payloadBytes);
  const response = new Uint8Array(payloadBytes);
  let filled = 0;
  let number = 0;
  let settle: { resolve: () => void; reject: (error: Error) => void } | null = null;
  let failure: Error | null = null;
  const fail = (error: Error) => {
    failure ??= new AgentError(code, `the connection to ${text} broke`, { cause: error });
    settle?.reject(failure);
  };
  socket.on('error', fail);
  socket.on('close', () => fail(new Error(signal.aborted ? 'aborted' : 'the server closed it')));
  socket.on('data', (chunk: Buffer) => {
    if (filled + chunk.length > payloadBytes) {
      fail(new Error('more bytes came than were asked for'));
      return;
    }
    response.set(chunk, filled);
    filled += chunk.length;
    if (filled === payloadBytes) settle?.resolve();
  });
  const header = Buffer.alloc(4);
  header.writeUInt32LE(payloadBytes);
  socket.write(header);
  return async () => {
    if (failure !== null) throw failure;
    number++;
    filled = 0;
    const answered = new Promise<void>((resolve, reject) => {
      settle = { resolve, reject };
    });
    // A copy, since the bytes are kept until the kernel takes them.
    socket.write(Buffer.from(payload.number(number)));
    await answered;
    payload.verify(response, number);
  };
}
