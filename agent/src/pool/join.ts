/** Membership of this thread in the client table. */
import { codes, constants, layout } from '../layout/index.ts';
import type { ClientIdentity } from '../protocol/messages.ts';
import type { Core } from './core.ts';
import type { MappedPool } from './map.ts';
import { native } from './native.ts';
import { PoolError } from './pool-error.ts';

/** Takes a free slot of the client table for this thread. Throws PoolError: CLIENT_TABLE_FULL. */
export function joinPool(core: Core, options: { readonly machineNumber: number }): ClientIdentity {
  core.exports.introduce(options.machineNumber, process.pid);
  const code = core.exports.join(options.machineNumber, process.pid, core.thread);
  if (code === codes.FULL) {
    throw new PoolError('CLIENT_TABLE_FULL', `all ${constants.CLIENT_COUNT} places of the client table are taken`, {
      hint: 'stop workers; clients of dead ones are freed once fenced and recovered (`inspect`)',
    });
  }
  if (code === codes.BAD_ARGUMENT)
    throw new RangeError(`machine ${options.machineNumber} or process ${process.pid} is out of range`);
  if (code !== codes.OK) throw new Error(`join answered ${code}`);
  return { id: core.exports.selfClient(), incarnation: core.exports.selfIncarnation() >>> 0 };
}

/** Closes this client's connections and frees its slot. Throws PoolError NOT_JOINED. */
export function leavePool(core: Core): void {
  if (core.exports.leave() === codes.NOT_JOINED) throw new PoolError('NOT_JOINED', 'this thread is not in the client table');
}

/** Bumps the client's heartbeat word from a native thread, also while JavaScript is busy. At least 100 ms apart. Stop it before `leavePool`. */
export function startHeartbeat(
  mapped: MappedPool,
  client: ClientIdentity,
  options: { readonly intervalMs: number },
): { stop(): void } {
  const entry = constants.CLIENT_TABLE_OFFSET + client.id * constants.CLIENT_BYTES;
  const offset = mapped.poolBase + entry + constants.CLIENT_HEARTBEAT_LINE + layout.ClientHeartbeat.beats.offset;
  const number = native().startHeartbeat(new Uint8Array(mapped.memory.buffer), offset, options.intervalMs);
  let running = true;
  return {
    stop: () => {
      if (running) native().stopHeartbeat(number);
      running = false;
    },
  };
}
