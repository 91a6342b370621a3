import { inspectNaiveHeap } from '../inspect/index.ts';
import { codes, constants } from '../layout/index.ts';
import type { Core } from '../pool/core.ts';
import { isAborted } from '../pool/map.ts';
import { AgentError } from '../protocol/agent-error.ts';
import { listOf, object, oneOf } from '../protocol/shape.ts';
import type { Tasks } from '../protocol/tasks.ts';
import { clientIdentity } from './heap-of.ts';
import { waitFor } from './heap-wait.ts';
import type { TaskContext, Workload } from './workload.ts';

type Parameters = Tasks['naive-counting']['parameters'];
type Result = Tasks['naive-counting']['result'];

/**
 * Counting references in two steps without a redo record, in either order: what a death between the steps leaves must be found by the
 * audit, or the audit finds nothing. `prepare` clears the heap and holds a block, `victim` works until it is killed, `recover` drops
 * what the dead client's slots say, recounts, and clears the heap again.
 */
export const naiveCounting: Workload<'naive-counting'> = {
  parameters: object<Parameters>({
    role: oneOf('prepare', 'victim', 'recover'),
    order: oneOf('leaks', 'dangles'),
    partners: listOf(clientIdentity, 16),
  }),
  run: (context, { role, order, partners }) => {
    const { core } = context;
    const number = order === 'leaks' ? constants.NAIVE_LEAKS : constants.NAIVE_DANGLES;
    if (role === 'prepare') {
      core.exports.naiveClear();
      mustBeOk('allocating a block', core.exports.naiveAlloc(number, heldSlot));
      return recount(core);
    }
    const [partner] = partners;
    if (partner === undefined) throw new AgentError('BAD_PARAMETERS', 'who works here needs a partner');
    if (role === 'victim') return workUntilKilled(context, number, core.exports.naiveBlockAt(partner.id, heldSlot));
    waitFor(context, `the end of client ${partner.id} to be seen`, () =>
      core.exports.isFenced(partner.id, partner.incarnation) !== 0 ? true : undefined,
    );
    mustBeOk('dropping what the dead client held', core.exports.naiveRecover(number, partner.id, partner.incarnation));
    const recounted = recount(core);
    core.exports.naiveClear();
    return recounted;
  },
};

const heldSlot = 0;
const ownSlot = 1;
const sharedSlot = 2;
const turnsPerLook = 64;

function workUntilKilled(context: TaskContext, order: number, block: number): Result {
  const { exports, mapped } = context.core;
  const endsAt = performance.now() + context.remainingMs();
  while (performance.now() < endsAt && !isAborted(mapped)) {
    for (let turn = 0; turn < turnsPerLook; turn++) {
      mustBeOk('allocating', exports.naiveAlloc(order, ownSlot));
      mustBeOk('attaching', exports.naiveAttach(order, sharedSlot, block));
      mustBeOk('detaching', exports.naiveDetach(order, sharedSlot));
      mustBeOk('detaching', exports.naiveDetach(order, ownSlot));
    }
  }
  throw new AgentError('DEADLINE', 'the client that was to be killed lives', {
    hint: 'a fault must arm it at a crash point that it passes',
  });
}

function mustBeOk(what: string, code: number): void {
  if (code !== codes.OK) throw new Error(`${what} with naive counting answered ${code}`);
}

function recount(core: Core): Result {
  const problems: string[] = [];
  const view = new DataView(core.pool.buffer, core.pool.byteOffset, core.pool.byteLength);
  const heap = inspectNaiveHeap(view, problems);
  return { problems, liveBlocks: heap?.liveBlocks ?? 0, references: heap?.references ?? 0 };
}
