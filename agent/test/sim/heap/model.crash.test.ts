/**
 * Long sequences of commands of three clients, with deaths between any two accesses and deaths of those who recover, against a plain
 * graph. fast-check draws and shortens them; CXLPOD_SEED repeats a run.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { codes, constants } from '../../../src/layout/index.ts';
import type { CoreExports } from '../../../src/pool/core.ts';
import { firstSeed } from '../schedules.ts';
import type { SimulatedClient, World } from '../simulator.ts';
import { isDeep } from './deaths.ts';
import { bury, expectCode, heapClient, heapOf, heapWorld } from './heap-world.ts';
import { Model, type ModelObject, type ModelQueue } from './model.ts';

const clientCount = 3;
const scratchSizeBytes = 65_536;
const names = ['tree', 'list'] as const;
const sizes = [16, 100, 240, 700, 5_000] as const;
const seed = firstSeed(1);
const runs = isDeep ? 4_000 : 250;

/** How often each is drawn. */
const frequencies = {
  alloc: 6,
  drop: 2,
  attach: 5,
  detach: 2,
  change: 4,
  clone: 2,
  acquire: 2,
  setName: 3,
  clearName: 1,
  getName: 3,
  openQueue: 2,
  send: 3,
  move: 2,
  publish: 3,
  receive: 4,
  close: 1,
  collect: 1,
  leave: 0.5,
  join: 2,
} as const;

type Operation = keyof typeof frequencies;

interface Command {
  readonly operation: Operation;
  readonly who: number;
  readonly a: number;
  readonly b: number;
  readonly c: number;
  /** The client dies before this access of the command; 0 for never. */
  readonly death: number;
  /** So does who recovers it. */
  readonly recovererDeath: number;
}

const small = fc.nat({ max: 11 });
const command: fc.Arbitrary<Command> = fc.record({
  operation: fc.oneof(
    ...Object.entries(frequencies).map(([name, often]) => ({ weight: 2 * often, arbitrary: fc.constant(name as Operation) })),
  ),
  who: fc.nat({ max: clientCount - 1 }),
  a: small,
  b: small,
  c: small,
  death: fc.oneof(
    { weight: 9, arbitrary: fc.constant(0) },
    { weight: 2, arbitrary: fc.integer({ min: 3, max: 30 }) },
    { weight: 1, arbitrary: fc.integer({ min: 1, max: 150 }) },
  ),
  recovererDeath: fc.oneof({ weight: 1, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.integer({ min: 1, max: 300 }) }),
});

const pick = <Item>(items: readonly Item[], index: number): Item | undefined =>
  items[items.length === 0 ? 0 : index % items.length];
const isOffset = (answer: number): boolean => answer >>> 0 >= codes.CODE_LIMIT;

/** A world in which it is played again and again. */
class Stage {
  readonly world: World = heapWorld({ segments: 12 });
  readonly actors: readonly SimulatedClient[] = Array.from({ length: clientCount }, (_, index) =>
    heapClient(this.world, index + 1),
  );
  readonly undertakers: readonly SimulatedClient[] = [6, 7].map((machine) => heapClient(this.world, machine));
  readonly #before = this.world.snapshot();
  #model = new Model(clientCount);
  #joined: boolean[] = [];

  /** Throws at the first command after which heap and model differ. */
  play(commands: readonly Command[]): void {
    this.world.restore(this.#before);
    this.#model = new Model(clientCount);
    this.#joined = this.actors.map(() => true);
    for (const [index, each] of commands.entries()) {
      const before = this.#model.clone();
      const actor = this.actors[each.who]!;
      actor.crashAtAccess(each.death);
      const done = actor.attempt((core) => this.#act(core, each));
      actor.crashAtAccess(0);
      if (actor.isDead) this.#recover(each, before);
      const problems = this.#differences(this.#model);
      if (problems.length > 0)
        throw new Error(`after command ${index}, ${JSON.stringify(each)}, answered ${done}: ${problems.slice(0, 4).join('; ')}`);
    }
  }

  /** The command took effect or did not; the client is gone either way. */
  #recover(each: Command, before: Model): void {
    const actor = this.actors[each.who]!;
    const [first, second] = this.undertakers as [SimulatedClient, SimulatedClient];
    first.crashAtAccess(each.recovererDeath);
    bury(first, [actor]);
    first.crashAtAccess(0);
    if (first.isDead) {
      bury(second, [first, actor]);
      this.#rise(first, 6);
    }
    const answer = this.#effectOf(before, each);
    const candidates = [before, ...(answer === undefined ? [] : [answer])];
    for (const candidate of candidates) candidate.end(each.who);
    this.#model = candidates.find((candidate) => this.#differences(candidate).length === 0) ?? before;
    this.#rise(actor, each.who + 1);
    this.#joined[each.who] = true;
  }

  #rise(client: SimulatedClient, machine: number): void {
    // A new process, with a scratch block that nobody has used.
    const scratch = this.world.firstScratch + client.index * scratchSizeBytes;
    this.world.memory.expose(scratch, scratchSizeBytes);
    this.world.memory.bytes.fill(0, scratch, scratch + scratchSizeBytes);
    client.bear(machine);
    expectCode('join', client.core.join(machine, client.process, 0));
    expectCode('shmOpen', client.core.shmOpen(0));
  }

  /** What the command would have made of the model, as far as others see it. */
  #effectOf(before: Model, each: Command): Model | undefined {
    const model = before.clone();
    return this.#apply(model, each, undefined) ? model : undefined;
  }

  // -- commands: the same choice of operands for the heap and for the model --------------------------------------------------

  #act(core: CoreExports, each: Command): number {
    const model = this.#model;
    const { who, a, b, c } = each;
    const held = [...model.roots[who]!.keys()];
    const actor = this.actors[who]!;
    if (each.operation === 'join') {
      if (this.#joined[who]) return codes.ALREADY;
      expectCode('join', core.join(actor.machine, actor.process, 0));
      expectCode('shmOpen', core.shmOpen(0));
      this.#joined[who] = true;
      return codes.OK;
    }
    if (!this.#joined[who]) return codes.NOT_JOINED;
    const root = pick(held, a) ?? 0;
    const target = pick(held, c) ?? 0;
    const queue = this.#queueFor(model, each);
    const makesCycle = root !== 0 && target !== 0 && model.leadsTo(model.roots[who]!.get(target)!, model.roots[who]!.get(root)!);
    const answer = ((): number => {
      switch (each.operation) {
        case 'alloc':
          return core.shmAlloc(pick(sizes, a)!, b % 4);
        case 'drop':
          return core.shmDrop(root);
        case 'attach':
          return makesCycle ? codes.BAD_ARGUMENT : core.shmAttach(root, b, target);
        case 'change':
          return makesCycle ? codes.BAD_ARGUMENT : core.shmChange(root, b, target);
        case 'detach':
          return core.shmDetach(root, b);
        case 'clone':
          return core.shmClone(root);
        case 'acquire':
          return core.shmAcquire(root, b);
        case 'setName':
          return root === 0 ? codes.BAD_ARGUMENT : core.shmSetName(actor.name(names[b % 2]!), root);
        case 'clearName':
          return core.shmSetName(actor.name(names[b % 2]!), 0);
        case 'getName':
          return core.shmGetName(actor.name(names[b % 2]!));
        case 'openQueue':
          return this.#joined[b % clientCount]
            ? core.shmOpenQueue(this.actors[b % clientCount]!.core.selfClient(), 0, 0)
            : codes.NOT_FOUND;
        case 'send':
        case 'move':
          return queue === undefined ? codes.BAD_ARGUMENT : core.shmFill(queue.index, root, each.operation === 'move' ? 1 : 0);
        case 'publish':
          return queue === undefined ? codes.BAD_ARGUMENT : core.shmPublish(queue.index);
        case 'receive':
          return queue === undefined ? codes.BAD_ARGUMENT : core.shmReceive(queue.index);
        case 'close':
          return queue === undefined ? codes.BAD_ARGUMENT : core.shmCloseQueue(queue.index);
        case 'collect':
          return core.shmCollect();
        case 'leave':
          return core.leave();
      }
    })();
    const hasEffect = isOffset(answer) || answer === codes.OK;
    if (each.operation === 'leave') this.#joined[who] = false;
    if (hasEffect !== this.#apply(model, each, answer) && answer !== codes.HEAP_FULL && answer !== codes.FULL) {
      throw new Error(`${JSON.stringify(each)} was answered ${answer}`);
    }
    return answer;
  }

  #queueFor(model: Model, { operation, who, c }: Command): ModelQueue | undefined {
    const isReceiving = operation === 'receive' || (operation === 'close' && c % 2 === 1);
    const own = model.queues.filter(({ sender, receiver, senderClosed, receiverClosed }) =>
      isReceiving ? receiver === who && !receiverClosed : sender === who && !senderClosed,
    );
    return pick(own, c);
  }

  /** Whether the command has an effect on the model. `answer`: undefined for a command whose client died over it. */
  #apply(model: Model, each: Command, answer: number | undefined): boolean {
    const { who, a, b, c } = each;
    const roots = model.roots[who]!;
    const held = [...roots.keys()];
    const root = pick(held, a) ?? 0;
    const object = roots.get(root);
    const target = roots.get(pick(held, c) ?? 0);
    const queue = this.#queueFor(model, each);
    const hold = (found: ModelObject | undefined): boolean => {
      if (found !== undefined && answer !== undefined && isOffset(answer)) roots.set(answer >>> 0, found);
      return found !== undefined;
    };
    const refused = answer !== undefined && !isOffset(answer) && answer !== codes.OK;
    switch (each.operation) {
      case 'alloc':
        if (answer !== undefined && isOffset(answer)) hold(this.#newObject(who, answer, b % 4));
        return !refused;
      case 'drop':
        return roots.delete(root);
      case 'attach':
      case 'change': {
        if (object === undefined || target === undefined || b >= object.references.length || model.leadsTo(target, object))
          return false;
        if (each.operation === 'attach' && object.references[b] !== undefined) return false;
        object.references[b] = target;
        return true;
      }
      case 'detach':
        if (object?.references[b] === undefined) return false;
        object.references[b] = undefined;
        return true;
      case 'clone':
        return refused ? object !== undefined : hold(object);
      case 'acquire':
        return refused ? object?.references[b] !== undefined : hold(object?.references[b]);
      case 'setName':
        if (object === undefined) return false;
        model.names.set(names[b % 2]!, object);
        return true;
      case 'clearName':
        model.names.delete(names[b % 2]!);
        return true;
      case 'getName':
        return refused ? model.names.has(names[b % 2]!) : hold(model.names.get(names[b % 2]!));
      case 'openQueue': {
        const receiver = b % clientCount;
        if (receiver === who || !this.#joined[receiver]) return false;
        if (refused) return true;
        const index = answer === undefined ? this.#unknownQueue(model) : answer - codes.CODE_LIMIT;
        if (index === undefined) return false;
        model.queues.push({ index, sender: who, receiver, sent: [], unsent: [], senderClosed: false, receiverClosed: false });
        return true;
      }
      case 'send':
      case 'move':
        if (queue === undefined || queue.receiverClosed || object === undefined) return false;
        if (refused) return true;
        queue.unsent.push(object);
        if (each.operation === 'move') roots.delete(root);
        return true;
      case 'publish':
        if (queue === undefined) return false;
        queue.sent.push(...queue.unsent.splice(0));
        return true;
      case 'receive': {
        if (queue === undefined || queue.sent.length === 0) return false;
        if (refused) return true;
        return hold(queue.sent.shift());
      }
      case 'close':
        if (queue === undefined) return false;
        model.closeQueue(queue, who);
        return true;
      case 'collect':
        return true;
      case 'leave':
        model.end(who);
        return true;
      case 'join':
        return true;
    }
  }

  /** Of who died over opening it: it is there, or it is not. */
  #unknownQueue({ queues }: Model): number | undefined {
    return heapOf(this.world).queues.find(({ index }) => !queues.some((known) => known.index === index))?.index;
  }

  #newObject(who: number, root: number, references: number): ModelObject {
    const offset = (this.actors[who]!.core.shmPayload(root) >>> 0) - constants.OBJECT_HEADER_BYTES;
    return { offset, references: Array.from({ length: references }, () => undefined) };
  }

  // -- comparison -----------------------------------------------------------------------------------------------------------------

  #differences(model: Model): readonly string[] {
    const { heap, problems } = this.world.inspect({ heap: true });
    const found = [...problems];
    const counts = model.counts();
    if (heap?.objects !== counts.size) found.push(`there are ${heap?.objects} objects instead of ${counts.size}`);
    if (heap !== undefined && heap.queues.length !== model.queues.length) {
      found.push(`there are ${heap.queues.length} queues instead of ${model.queues.length}`);
    }
    for (const [{ offset, references }, count] of counts) {
      const bytes = this.world.poolBytes(offset, constants.OBJECT_HEADER_BYTES + references.length * 8);
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
      const counted = Number((view.getBigUint64(0, true) >> 40n) & 0x3fffn);
      if (counted !== count) found.push(`the object at ${offset} has count ${counted} instead of ${count}`);
      for (const [index, child] of references.entries()) {
        const refersTo = Number(view.getBigUint64(constants.OBJECT_HEADER_BYTES + index * 8, true));
        if (refersTo !== (child?.offset ?? 0))
          found.push(`reference ${index} of ${offset} is ${refersTo} instead of ${child?.offset ?? 0}`);
      }
    }
    return found;
  }

  /** Everybody leaves, the names are cleared: nothing is left. */
  finish(): void {
    const [last] = this.undertakers as [SimulatedClient];
    for (const name of names) expectCode('clear', last.core.shmSetName(last.name(name), 0));
    for (const [who, actor] of this.actors.entries()) if (this.#joined[who]) expectCode('leave', actor.core.leave());
    expectCode('collect', last.core.shmCollect());
    const { objects, corpses, queues } = heapOf(this.world);
    expect({ objects, corpses, queues }).toEqual({ objects: 0, corpses: 0, queues: [] });
  }
}

test(`whatever three clients do and die of, the heap is what the graph says (seed ${seed})`, () => {
  const stage = new Stage();
  fc.assert(
    fc.property(fc.array(command, { minLength: 1, maxLength: 80, size: 'max' }), (commands) => {
      stage.play(commands);
      stage.finish();
    }),
    // In a deep test as many as there is time for.
    { seed, numRuns: runs, endOnFailure: false, ...(isDeep ? { interruptAfterTimeLimit: 80_000 } : {}) },
  );
});
