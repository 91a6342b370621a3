import { inspectLockHeap, inspectPool } from '../inspect/index.ts';
import { codes, constants, controlBytes } from '../layout/index.ts';
import type { Core } from '../pool/core.ts';
import { isAborted } from '../pool/map.ts';
import { AgentError } from '../protocol/agent-error.ts';
import type { ClientIdentity } from '../protocol/messages.ts';
import { integer, listOf, object, oneOf } from '../protocol/shape.ts';
import type { Tasks } from '../protocol/tasks.ts';
import { clientIdentity } from './heap-of.ts';
import { Random } from './heap-random.ts';
import { SurvivalWatch } from './heap-survival.ts';
import { waitFor } from './heap-wait.ts';
import type { TaskContext, Workload } from './workload.ts';

type Parameters = Tasks['lock-heap']['parameters'];
type Result = Tasks['lock-heap']['result'];

/**
 * The heap with a lock and a redo log that CXL-SHM is compared with. `victim` works until it is killed; `survivor` works on, and sees
 * what that does to it; `restart` opens the heap after everybody stopped, recounts it, and drops what the dead held.
 */
export const lockHeap: Workload<'lock-heap'> = {
  parameters: object<Parameters>({
    role: oneOf('victim', 'survivor', 'restart'),
    partners: listOf(clientIdentity, 16),
    bucketMs: integer(1, 10_000),
    afterMs: integer(1, 600_000),
    seed: integer(0, 2 ** 32 - 1),
  }),
  run: (context, parameters) => {
    if (parameters.role === 'restart') return restart(context, parameters);
    const worker = new LockWorker(context, parameters);
    return parameters.role === 'victim' ? worker.workUntilKilled() : worker.workOn();
  },
};

/** In one call: longer than a holder that lives needs, unless its core is taken away. */
const looks = 20_000;
const operationsPerLook = 64;
/** Slot 0 holds the block in whose payload this client counts its operations, behind its incarnation. */
const counterSlot = 0;
const operationsIndex = 0;
const incarnationIndex = 1;

class LockWorker {
  readonly #context: TaskContext;
  readonly #core: Core;
  readonly #parameters: Parameters;
  readonly #random: Random;
  readonly #counter: Uint32Array;
  #blocked = 0;

  constructor(context: TaskContext, parameters: Parameters) {
    const { exports } = context.core;
    const self = exports.selfClient();
    this.#context = context;
    this.#core = context.core;
    this.#parameters = parameters;
    this.#random = new Random(parameters.seed * 64 + self);
    open(context);
    // Whoever had this place before may have left something.
    mustBeOk(context, 'dropping what was left', () => exports.lockDrop(self, looks));
    mustBeOk(context, 'allocating the counter', () => exports.lockAlloc(counterSlot, looks));
    this.#counter = counterOf(context.core, self)!;
    Atomics.store(this.#counter, operationsIndex, 0);
    Atomics.store(this.#counter, incarnationIndex, exports.selfIncarnation());
  }

  workUntilKilled(): Result {
    for (const partner of this.#parameters.partners) {
      waitFor(this.#context, `client ${partner.id} to open the heap`, () => (hasCounter(this.#core, partner) ? true : undefined));
    }
    const endsAt = performance.now() + this.#context.remainingMs();
    while (performance.now() < endsAt && !isAborted(this.#core.mapped)) {
      for (let turn = 0; turn < operationsPerLook; turn++) this.#operate();
    }
    throw new AgentError('DEADLINE', 'the client that was to be killed lives', {
      hint: 'a fault must arm it at a crash point that it passes',
    });
  }

  workOn(): Result {
    const [victim] = this.#parameters.partners;
    if (victim === undefined) throw new AgentError('BAD_PARAMETERS', 'a survivor needs somebody who dies');
    const { exports } = this.#core;
    const isFenced = (): boolean => exports.isFenced(victim.id, victim.incarnation) !== 0;
    const watch = new SurvivalWatch({ operations: () => operationsOf(this.#core, victim), isFenced }, this.#parameters);
    const endsAt = performance.now() + this.#context.remainingMs();
    for (let goesOn = true; goesOn; ) {
      let done = 0;
      for (let turn = 0; turn < operationsPerLook; turn++) {
        const code = this.#operate();
        if (code === codes.OK) done++;
        if (code === codes.BLOCKED) {
          if (isHeldByTheFenced(this.#core)) this.#blocked++;
          break;
        }
      }
      goesOn = watch.note(done);
      if (goesOn && (performance.now() >= endsAt || isAborted(this.#core.mapped))) {
        throw new AgentError('DEADLINE', `client ${victim.id} was not seen to die`);
      }
    }
    return { survival: watch.result(this.#blocked), restart: null };
  }

  /** One operation at random: a block of its own, a reference to a block of anybody, or one less. */
  #operate(): number {
    const { exports } = this.#core;
    const slot = 1 + this.#random.below(constants.LOCK_SLOTS_PER_CLIENT - 1);
    const choice = this.#random.below(3);
    const code =
      choice === 0
        ? exports.lockAlloc(slot, looks)
        : choice === 1
          ? exports.lockAttach(slot, this.#random.below(8), looks)
          : exports.lockDetach(slot, looks);
    if (code === codes.OK) Atomics.add(this.#counter, operationsIndex, 1);
    return code;
  }
}

function restart(context: TaskContext, { partners }: Parameters): Result {
  const { core } = context;
  open(context);
  const found = partners.filter((partner) => operationsOf(core, partner) > 0).length;
  const { problems } = recount(core);
  for (let client = 0; client < constants.BASELINE_CLIENT_LIMIT; client++) {
    const code = core.exports.lockDrop(client, looks);
    if (code !== codes.OK && code !== codes.NOT_FENCED) throw new Error(`dropping what client ${client} held answered ${code}`);
  }
  const after = recount(core);
  return { survival: null, restart: { problems: [...problems, ...after.problems], found, left: after.liveBlocks } };
}

function open(context: TaskContext): void {
  mustBeOk(context, 'opening the heap with a lock', () => context.core.exports.lockOpen(looks));
}

/** As long as others hold the lock, again. */
function mustBeOk(context: TaskContext, what: string, act: () => number): void {
  const code = waitFor(context, `the lock, for ${what}`, () => {
    const answer = act();
    return answer === codes.BLOCKED ? undefined : answer;
  });
  if (code !== codes.OK) throw new Error(`${what} answered ${code}`);
}

/** Undefined while that place has no block. */
function counterOf(core: Core, client: number): Uint32Array | undefined {
  const block = core.exports.lockBlockAt(client, counterSlot);
  if (block < 0) return undefined;
  return new Uint32Array(core.pool.buffer, core.pool.byteOffset + core.exports.lockPayload(block), 2);
}

/** Also of one that died since. */
function hasCounter(core: Core, { id, incarnation }: ClientIdentity): boolean {
  const counter = counterOf(core, id);
  return counter !== undefined && Atomics.load(counter, incarnationIndex) === incarnation;
}

function operationsOf(core: Core, client: ClientIdentity): number {
  return hasCounter(core, client) ? Atomics.load(counterOf(core, client.id)!, operationsIndex) : 0;
}

function isHeldByTheFenced({ exports }: Core): boolean {
  const holder = exports.lockHolder();
  return holder >= 0 && exports.isFenced(holder, exports.clientIncarnation(holder)) !== 0;
}

function recount(core: Core): { readonly problems: readonly string[]; readonly liveBlocks: number } {
  const { clients } = inspectPool(core.pool.subarray(0, controlBytes), core.mapped.poolSizeBytes);
  const problems: string[] = [];
  const view = new DataView(core.pool.buffer, core.pool.byteOffset, core.pool.byteLength);
  return { liveBlocks: inspectLockHeap(view, clients, problems)?.liveBlocks ?? 0, problems };
}
