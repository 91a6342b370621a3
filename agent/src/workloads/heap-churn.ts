import type { Core } from '../pool/core.ts';
import { isAborted } from '../pool/map.ts';
import { AgentError } from '../protocol/agent-error.ts';
import type { ClientIdentity } from '../protocol/messages.ts';
import { integer, listOf, object, oneOf } from '../protocol/shape.ts';
import type { Tasks } from '../protocol/tasks.ts';
import type { HeapClient, Ref } from '../shm/index.ts';
import { clientIdentity, heapOf } from './heap-of.ts';
import { Random } from './heap-random.ts';
import { SurvivalWatch } from './heap-survival.ts';
import { waitFor } from './heap-wait.ts';
import type { TaskContext, Workload } from './workload.ts';

type Parameters = Tasks['heap-churn']['parameters'];
type Result = Tasks['heap-churn']['result'];

/**
 * CXL-SHM under what `lock-heap` does to the heap with a lock: the same three operations at random, one of two clients killed. `restart`
 * is for after everybody died: what they had named must be there, and is taken away.
 */
export const heapChurn: Workload<'heap-churn'> = {
  parameters: object<Parameters>({
    role: oneOf('victim', 'survivor', 'restart'),
    partners: listOf(clientIdentity, 16),
    bucketMs: integer(1, 10_000),
    afterMs: integer(1, 600_000),
    seed: integer(0, 2 ** 32 - 1),
  }),
  run: (context, parameters) => {
    const heap = heapOf(context.core);
    if (parameters.role === 'restart') return restart(context, heap, parameters);
    using churn = new Churn(context, heap, parameters);
    return parameters.role === 'victim' ? churn.workUntilKilled() : churn.workOn();
  },
};

const slots = 16;
const objectBytes = 64;
const operationsPerLook = 64;
/** Of the object that a client names: how many operations it made, and which incarnation it is. */
const counterBytes = 8;

class Churn implements Disposable {
  readonly #context: TaskContext;
  readonly #core: Core;
  readonly #heap: HeapClient;
  readonly #parameters: Parameters;
  readonly #random: Random;
  readonly #self: ClientIdentity;
  readonly #named: Ref;
  readonly #counter: Uint32Array;
  /** Its embedded references are the slots. */
  readonly #table: Ref;
  readonly #taken: boolean[] = Array.from({ length: slots }, () => false);
  #partnerNamed: Ref | undefined;

  constructor(context: TaskContext, heap: HeapClient, parameters: Parameters) {
    const { exports } = context.core;
    this.#context = context;
    this.#core = context.core;
    this.#heap = heap;
    this.#parameters = parameters;
    this.#self = { id: exports.selfClient(), incarnation: exports.selfIncarnation() >>> 0 };
    this.#random = new Random(parameters.seed * 64 + this.#self.id);
    this.#table = heap.alloc(0, slots);
    this.#named = heap.alloc(counterBytes);
    this.#counter = counterIn(this.#named);
    this.#counter[0] = 0;
    this.#counter[1] = this.#self.incarnation;
    heap.setRoot(nameOf(this.#self), this.#named);
  }

  workUntilKilled(): Result {
    this.#findPartner();
    const endsAt = performance.now() + this.#context.remainingMs();
    while (performance.now() < endsAt && !isAborted(this.#core.mapped)) {
      for (let turn = 0; turn < operationsPerLook; turn++) this.#operate();
    }
    throw new AgentError('DEADLINE', 'the client that was to be killed lives', {
      hint: 'a fault must arm it at a crash point that it passes',
    });
  }

  workOn(): Result {
    const victim = this.#findPartner();
    const counter = counterIn(this.#partnerNamed!);
    const isFenced = (): boolean => this.#core.exports.isFenced(victim.id, victim.incarnation) !== 0;
    const watch = new SurvivalWatch({ operations: () => Atomics.load(counter, 0), isFenced }, this.#parameters);
    const endsAt = performance.now() + this.#context.remainingMs();
    for (let goesOn = true; goesOn; ) {
      let done = 0;
      for (let turn = 0; turn < operationsPerLook; turn++) done += this.#operate();
      goesOn = watch.note(done);
      if (goesOn && (performance.now() >= endsAt || isAborted(this.#core.mapped))) {
        throw new AgentError('DEADLINE', `client ${victim.id} was not seen to die`);
      }
    }
    // The dead client named it; nobody else will take the name back.
    this.#heap.setRoot(nameOf(victim), undefined);
    return { survival: watch.result(0), restart: null };
  }

  [Symbol.dispose](): void {
    this.#heap.setRoot(nameOf(this.#self), undefined);
    for (const ref of [this.#table, this.#named, this.#partnerNamed]) ref?.[Symbol.dispose]();
  }

  /** The first partner, once its object is there; without its object when it died before. */
  #findPartner(): ClientIdentity {
    const [partner] = this.#parameters.partners;
    if (partner === undefined) throw new AgentError('BAD_PARAMETERS', 'who works here needs a partner');
    this.#partnerNamed = waitFor(this.#context, `client ${partner.id} to work`, () => {
      const ref = this.#heap.root(nameOf(partner));
      if (ref !== undefined && counterIn(ref)[1] === partner.incarnation) return ref;
      ref?.drop();
      return undefined;
    });
    return partner;
  }

  /** How many operations were done, 1 or 0 when the slot was not as the choice needs it. */
  #operate(): number {
    const slot = this.#random.below(slots);
    const choice = this.#random.below(3);
    const isTaken = this.#taken[slot]!;
    if (isTaken === (choice !== 2)) return 0;
    if (choice === 2) this.#table.detach(slot);
    else if (choice === 1) this.#table.attach(slot, this.#partnerNamed!);
    else {
      const object = this.#heap.alloc(objectBytes);
      this.#table.attach(slot, object);
      object.drop();
    }
    this.#taken[slot] = !isTaken;
    Atomics.add(this.#counter, 0, 1);
    return 1;
  }
}

function restart(context: TaskContext, heap: HeapClient, { partners }: Parameters): Result {
  const problems: string[] = [];
  let found = 0;
  for (const partner of partners) {
    using ref = heap.root(nameOf(partner));
    if (ref === undefined || counterIn(ref)[1] !== partner.incarnation) {
      problems.push(`what client ${partner.id} named is gone`);
      continue;
    }
    found++;
    // The name's, and this client's: whoever else held it is dead. Agents recover the dead, in their own time.
    waitFor(context, `the references of the dead to ${nameOf(partner)} to go`, () => (ref.count === 2 ? true : undefined));
    heap.setRoot(nameOf(partner), undefined);
  }
  // Corpses that the dead had in their hands: otherwise taken when somebody needs memory.
  heap.collect();
  return { survival: null, restart: { problems, found, left: heap.rootsInUse } };
}

function nameOf({ id }: ClientIdentity): string {
  return `churn/${id}`;
}

function counterIn({ bytes }: Ref): Uint32Array {
  return new Uint32Array(bytes.buffer, bytes.byteOffset, counterBytes / 4);
}
