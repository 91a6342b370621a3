import { connect, type Socket } from 'node:net';
import { setTimeout as after } from 'node:timers/promises';
import { monotonicNs } from '../pool/clock.ts';
import { AgentError } from '../protocol/agent-error.ts';
import { integer, object, text } from '../protocol/shape.ts';
import type { Tasks } from '../protocol/tasks.ts';
import { LatencyRecorder, SpanRecorder } from './latency.ts';
import { EchoPayload } from './payload.ts';
import type { Workload } from './workload.ts';

const warmUpCalls = 50;
const retryMs = 20;

/** Echo calls over TCP without delay, one at a time; each response is verified. */
export const tcpCall: Workload<'tcp-call'> = {
  parameters: object<Tasks['tcp-call']['parameters']>({
    host: text({ maximum: 255 }),
    port: integer(1, 65_535),
    payloadBytes: integer(1, 65_536),
    calls: integer(1, 10_000_000),
  }),
  run: async ({ signal, remainingMs }, { host, port, payloadBytes, calls }) => {
    // Batched as calls over the pool are, as far as there are enough of these slow calls for a hundred samples.
    const callsPerSample = Math.max(1, Math.min(100, Math.floor(calls / 100)));
    const samples = Math.floor(calls / callsPerSample);
    const latency = new LatencyRecorder(callsPerSample);
    const spans = new SpanRecorder();
    const socket = await connectWithin(host, port, remainingMs(), signal);
    try {
      const call = caller(socket, payloadBytes, signal);
      for (let index = 0; index < warmUpCalls; index++) await call();
      for (let sample = 0; sample < samples; sample++) {
        const startNs = monotonicNs();
        for (let index = 0; index < callsPerSample; index++) await call();
        const endNs = monotonicNs();
        latency.record(endNs - startNs);
        spans.record(`${callsPerSample} calls`, startNs, endNs);
      }
    } finally {
      socket.end();
    }
    return { latency: latency.counts(), calls: samples * callsPerSample, spans: spans.spans() };
  },
};

/** The server may start a moment later than its caller. */
async function connectWithin(host: string, port: number, timeoutMs: number, signal: AbortSignal): Promise<Socket> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    try {
      return await connectOnce(host, port, signal);
    } catch (error) {
      if (signal.aborted || performance.now() + retryMs > deadline) {
        throw new AgentError('TCP_FAILED', `cannot connect to ${host} port ${port}`, { cause: error });
      }
      await after(retryMs);
    }
  }
}

function connectOnce(host: string, port: number, signal: AbortSignal): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, noDelay: true, signal });
    socket.once('connect', () => {
      socket.off('error', reject);
      resolve(socket);
    });
    socket.once('error', reject);
  });
}

function caller(socket: Socket, payloadBytes: number, signal: AbortSignal): () => Promise<void> {
  const payload = new EchoPayload(payloadBytes);
  const response = new Uint8Array(payloadBytes);
  let filled = 0;
  let number = 0;
  let settle: { resolve: () => void; reject: (error: Error) => void } | null = null;
  let failure: Error | null = null;
  const fail = (error: Error) => {
    failure ??= new AgentError('TCP_FAILED', 'the TCP connection broke', { cause: error });
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
