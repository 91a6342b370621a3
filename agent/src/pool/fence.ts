/** What happens to a client after its end was seen (design D7): fence first, then recover. */
import { codes, constants } from '../layout/index.ts';
import type { ClientIdentity } from '../protocol/messages.ts';
import type { Core } from './core.ts';
import { PoolError } from './pool-error.ts';

/**
 * Says in the pool that this incarnation will never write again. Only for who has *seen* its end (design D7); idempotent.
 * Recovery is a step of its own, see `recoverClient`.
 */
export function grantFence(core: Core, client: ClientIdentity): void {
  if (core.exports.grantFence(client.id, client.incarnation) !== codes.OK) {
    throw new RangeError(`client ${client.id} never had incarnation ${client.incarnation}`);
  }
}

export function isFenced(core: Core, client: ClientIdentity): boolean {
  return core.exports.isFenced(client.id, client.incarnation) !== 0;
}

/** Fences every client of a process whose end was seen, also those that died while joining; returns them. */
export function fenceProcess(
  core: Core,
  dead: { readonly machineNumber: number; readonly pid: number },
): readonly ClientIdentity[] {
  const { exports } = core;
  const clients: ClientIdentity[] = [];
  for (let id = 0; id < constants.CLIENT_COUNT; id++) {
    const incarnation = exports.fenceIfOf(id, dead.machineNumber, dead.pid) >>> 0;
    if (incarnation !== 0) clients.push({ id, incarnation });
  }
  return clients;
}

/**
 * Finishes what a fenced client left: its connections are closed in its name, its slot becomes free. Idempotent, restartable,
 * safe to run from several machines at once. Throws PoolError NOT_FENCED for a client that has no fence grant.
 */
export function recoverClient(core: Core, client: ClientIdentity): void {
  const code = core.exports.recoverClient(client.id, client.incarnation);
  if (code === codes.NOT_FENCED) {
    throw new PoolError('NOT_FENCED', `client ${client.id}, incarnation ${client.incarnation}, is not fenced`, {
      hint: 'only after its end was seen may it be fenced, and only then recovered',
    });
  }
  if (code === codes.BAD_ARGUMENT) throw new RangeError(`there is no client ${client.id} with incarnation ${client.incarnation}`);
}
