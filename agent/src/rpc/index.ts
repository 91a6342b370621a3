/** HydraRPC: two rings per connection in the pool, entry = reference + arrival flag, requests and responses in place. */
export { Connection, connect, type Response } from './caller.ts';
export { RpcError, type RpcFailureCode } from './rpc-error.ts';
export { type Handler, type ListenOptions, listen, type Request, Server, type ServeState, serveUntilClosed } from './server.ts';
