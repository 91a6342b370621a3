/** HydraRPC, first form: two rings per connection in the pool, entry = reference + arrival flag, requests and responses in place. */
export { type Connection, connect } from './caller.ts';
export { RpcError, type RpcFailureCode } from './rpc-error.ts';
export { type Handler, listen, type Server, type ServeState, serveUntilClosed } from './server.ts';
