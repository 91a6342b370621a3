/** Hands a service's name to the core, through the thread's scratch block. */
import { constants } from '../layout/index.ts';
import type { Core } from '../pool/core.ts';
import { RpcError } from './rpc-error.ts';

/** Returns the name's length in bytes, at most 64. Throws RpcError BAD_ARGUMENT. */
export function handOverName(core: Core, service: string): number {
  const name = new TextEncoder().encode(service);
  if (name.length === 0 || name.length > constants.NAME_LIMIT_BYTES) {
    throw new RpcError(
      'BAD_ARGUMENT',
      `a service's name has 1 to ${constants.NAME_LIMIT_BYTES} bytes; "${service}" has ${name.length}`,
    );
  }
  const block = core.mapped.scratchBase + constants.SCRATCH_THREADS_OFFSET + core.thread * constants.SCRATCH_THREAD_BYTES;
  const area = core.bytes.subarray(
    block + constants.SCRATCH_NAME_OFFSET,
    block + constants.SCRATCH_NAME_OFFSET + constants.NAME_LIMIT_BYTES,
  );
  area.fill(0);
  area.set(name);
  return name.length;
}
