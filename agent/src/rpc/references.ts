/**
 * Arguments by reference: counted references of CXL-SHM travel inside the calls of a connection, in both directions. Whoever dies, at whatever
 * moment: nothing leaks, nothing dangles.
 *
 *     using calls = withReferences(connect(core, 'index', { deadlineMs: 1_000 }), heap);
 *     using document = heap.alloc(200_000);
 *     const { refs } = calls.callSync(query, { refs: [document], deadlineMs: 1_000 });
 *
 *     using server = withReferences(listen(core, 'index'), heap);
 *     server.serve(({ bytes, refs }) => ({ refs: [indexOf(refs[0]!)] }), { deadlineMs: 60_000 });
 */
import type { HeapClient } from '../shm/index.ts';
import type { Connection } from './caller.ts';
import { ReferenceCaller } from './reference-caller.ts';
import { ReferenceServer } from './reference-server.ts';
import { Server } from './server.ts';

export type { Payload, PayloadWriter } from './message-parts.ts';
export { type Answer, type PolledAnswer, ReferenceCaller, type References } from './reference-caller.ts';
export { type ReferenceHandler, type ReferenceRequest, ReferenceServer, type Reply } from './reference-server.ts';

/** Both ends of a connection need it, and their threads the same heap. `close` closes the connection, too. */
export function withReferences(end: Connection, heap: HeapClient): ReferenceCaller;
export function withReferences(end: Server, heap: HeapClient): ReferenceServer;
export function withReferences(end: Connection | Server, heap: HeapClient): ReferenceCaller | ReferenceServer {
  return end instanceof Server ? new ReferenceServer(end, heap) : new ReferenceCaller(end, heap);
}
