/**
 * The echo over gRPC, as a baseline: bare bytes both ways, so that no schema compiler and no encoding is measured with it. Bundled into a
 * file of its own (`agent/dist/grpc.cjs`), which only the tasks `grpc-serve` and `grpc-call` load.
 */
import {
  type Client,
  credentials,
  makeGenericClientConstructor,
  Server,
  ServerCredentials,
  type ServiceDefinition,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';

const bytes = {
  requestStream: false,
  responseStream: false,
  requestSerialize: (value: Buffer) => value,
  requestDeserialize: (value: Buffer) => value,
  responseSerialize: (value: Buffer) => value,
  responseDeserialize: (value: Buffer) => value,
} as const;

const definition: ServiceDefinition<UntypedServiceImplementation> = {
  Echo: { path: '/cxlpod.Echo/Echo', ...bytes },
  /** The caller is done. */
  End: { path: '/cxlpod.Echo/End', ...bytes },
};

export interface EchoServer {
  /** Resolves with the number of echoes when a caller has said that it is done, and knows that this was heard. */
  readonly ended: Promise<number>;
  close(): void;
}

export interface EchoClient {
  call(request: Buffer): Promise<Buffer>;
  /** Tells the server, then hangs up. */
  end(): Promise<void>;
  close(): void;
}

export function serveEcho(host: string, port: number): Promise<EchoServer> {
  const server = new Server();
  let served = 0;
  const ended = new Promise<number>((resolve, reject) => {
    server.addService(definition, {
      Echo: (call: { readonly request: Buffer }, answer: (error: null, response: Buffer) => void) => {
        served++;
        answer(null, call.request);
      },
      End: (call: { readonly request: Buffer }, answer: (error: null, response: Buffer) => void) => {
        answer(null, call.request);
        server.tryShutdown((error) => (error === undefined ? resolve(served) : reject(error)));
      },
    });
  });
  return new Promise((resolve, reject) => {
    server.bindAsync(`${host}:${port}`, ServerCredentials.createInsecure(), (error) => {
      if (error === null) resolve({ ended, close: () => server.forceShutdown() });
      else reject(error);
    });
  });
}

/** Waits for a server that may start a moment later, until the deadline. */
export function connectEcho(host: string, port: number, deadlineMs: number): Promise<EchoClient> {
  const Echo = makeGenericClientConstructor(definition, 'Echo');
  const backoff = {
    'grpc.initial_reconnect_backoff_ms': 50,
    'grpc.min_reconnect_backoff_ms': 50,
    'grpc.max_reconnect_backoff_ms': 200,
  };
  const client = new Echo(`${host}:${port}`, credentials.createInsecure(), backoff) as unknown as Client & Methods;
  const call = (method: 'Echo' | 'End', request: Buffer): Promise<Buffer> =>
    new Promise((resolve, reject) => {
      client[method](request, (error, response) => (error === null ? resolve(response) : reject(error)));
    });
  const close = (): void => client.close();
  return new Promise((resolve, reject) => {
    client.waitForReady(Date.now() + deadlineMs, (error) => {
      if (error !== undefined) {
        close();
        reject(error);
        return;
      }
      const end = async (): Promise<void> => {
        await call('End', Buffer.alloc(0));
        close();
      };
      resolve({ call: (request) => call('Echo', request), end, close });
    });
  });
}

type Unary = (request: Buffer, answer: (error: Error | null, response: Buffer) => void) => void;

interface Methods {
  readonly Echo: Unary;
  readonly End: Unary;
}
