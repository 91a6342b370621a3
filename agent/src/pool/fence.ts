/** What happens to a client after its end was seen (design D7): fence first, then recover. */
import { setTimeout as after } from 'node:timers/promises';
import { codes, constants } from '../layout/index.ts';
import type { ClientIdentity } from '../protocol/messages.ts';
import type { Core } from './core.ts';
import { pollUntil } from './poll.ts';
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
  return fenceEach((id) => core.exports.fenceIfOf(id, dead.machineNumber, dead.pid));
}

/** Fences every client of a machine whose end was seen, whatever it was at; returns them. */
export function fenceMachine(core: Core, dead: { readonly machineNumber: number }): readonly ClientIdentity[] {
  return fenceEach((id) => core.exports.fenceIfOn(id, dead.machineNumber));
}

/** `fence`: the incarnation in this place that it fenced, or 0. */
function fenceEach(fence: (id: number) => number): readonly ClientIdentity[] {
  const clients: ClientIdentity[] = [];
  for (let id = 0; id < constants.CLIENT_COUNT; id++) {
    const incarnation = fence(id) >>> 0;
    if (incarnation !== 0) clients.push({ id, incarnation });
  }
  return clients;
}

/** How long a recovery that somebody else is at is waited for, at most. */
const otherRecoveryMs = 10_000;
const lookAgainAfterMs = 10;

/**
 * Finishes what a fenced client left: what it was doing in the heap, what it held there, its connections; its slot becomes free.
 * Idempotent, restartable, safe to run from several machines at once: one does it, the others wait for that one's end. A thread that
 * has not joined must have introduced itself (`introduceTo`). Throws PoolError: NOT_FENCED for a client that has no fence grant,
 * RECOVERERS_BUSY, TIMEOUT.
 */
export function recoverClient(core: Core, client: ClientIdentity): void {
  settle(
    core,
    client,
    pollUntil(whatIsWaitedFor(client), otherRecoveryMs, () => attempt(core, client)),
  );
}

/** The same for a thread that must not be blocked while another one is at it. */
export async function recoverClientSoon(core: Core, client: ClientIdentity): Promise<void> {
  const endMs = performance.now() + otherRecoveryMs;
  let code = attempt(core, client);
  while (code === codes.PENDING) {
    if (performance.now() > endMs) {
      throw new PoolError('TIMEOUT', `${whatIsWaitedFor(client)} did not finish within ${otherRecoveryMs} ms`, {
        hint: 'its recoverer may have died: that one must be fenced, too',
      });
    }
    await after(lookAgainAfterMs);
    code = attempt(core, client);
  }
  settle(core, client, code);
}

function whatIsWaitedFor({ id }: ClientIdentity): string {
  return `client ${id} being recovered by another client`;
}

/** PENDING while another one is at it. */
function attempt(core: Core, { id, incarnation }: ClientIdentity): number {
  const answer = core.exports.recoverClient(id, incarnation);
  return answer === codes.IN_PROGRESS ? codes.PENDING : answer;
}

function settle(core: Core, client: ClientIdentity, code: number): void {
  // Whoever finished it says so; one that dies before leaves its end open, which later judges of the history have to allow for.
  if (code === codes.OK) core.exports.recordRecovered(client.id, client.incarnation);
  if (code === codes.OK || code === codes.ALREADY) return;
  if (code === codes.NOT_FENCED) {
    throw new PoolError('NOT_FENCED', `client ${client.id}, incarnation ${client.incarnation}, is not fenced`, {
      hint: 'only after its end was seen may it be fenced, and only then recovered',
    });
  }
  if (code === codes.FULL) {
    throw new PoolError('RECOVERERS_BUSY', `all ${constants.RECOVERER_COUNT} places for who recovers others are taken`, {
      hint: 'recover again when the others are done; places of dead recoverers are freed once those are recovered',
    });
  }
  throw new RangeError(`there is no client ${client.id} with incarnation ${client.incarnation}`);
}

/** Says who this thread is, so that it may recover others without joining. */
export function introduceTo(core: Core, options: { readonly machineNumber: number }): void {
  core.exports.introduce(options.machineNumber, process.pid);
}
