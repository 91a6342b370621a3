/** HydraRPC: two rings per connection in the pool, entry = reference + arrival flag, requests and responses in place. */
export { Connection, connect, type Response } from './caller.ts';
export {
  type HeapAnswer,
  type HeapArguments,
  type HeapRequest,
  type HeapResult,
  heap,
} from './heap-message.ts';
export { HeapReply, Reply } from './live-connection.ts';
export { bytes, json } from './payload.ts';
export { type MethodFigures, quantileNs } from './read-statistics.ts';
export { RpcError, type RpcFailureCode } from './rpc-error.ts';
export { ServiceServer, serve } from './serve.ts';
export type { ServeEnd, ServeOptions, ServerCounters } from './serve-options.ts';
export { type Handler, type ListenOptions, listen, type Request, Server, type ServeState, serveUntilClosed } from './server.ts';
export {
  type BackgroundContext,
  type CallContext,
  defineService,
  type Handlers,
  type Method,
  type MethodOptions,
  type Service,
} from './service.ts';
export {
  type CallerCounters,
  type CallerOptions,
  type CallOptions,
  connectService,
  ServiceCaller,
  type StreamOptions,
} from './service-caller.ts';
export { Waiter, type WaiterOptions, type WaitingStrategy, waitingStrategies } from './wait.ts';
