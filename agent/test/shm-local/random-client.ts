/**
 * A client that does whatever may be done with a heap, at random, and believes nothing that it reads: objects carry who made them and
 * a check word, answers that cannot be end the process.
 */
import { codes, constants } from '../../src/layout/index.ts';
import type { Core } from '../../src/pool/pool.ts';

/** In the order of their numbers, which a line shows; 0 is none. */
export const operationNames = [
  'none',
  'alloc',
  'alloc-large',
  'alloc-huge',
  'drop',
  'attach',
  'detach',
  'change',
  'acquire',
  'clone',
  'set-name',
  'get-name',
  'open-queue',
  'send',
  'receive',
  'close-queue',
  'collect',
  'leave-and-join',
  'recover',
] as const;
export type OperationName = (typeof operationNames)[number];

const weights: Partial<Record<OperationName, number>> = {
  alloc: 24,
  'alloc-large': 6,
  'alloc-huge': 2,
  drop: 22,
  attach: 16,
  detach: 8,
  change: 8,
  acquire: 6,
  clone: 4,
  'set-name': 4,
  'get-name': 5,
  'open-queue': 2,
  send: 9,
  receive: 9,
  'close-queue': 1,
  collect: 1,
  'leave-and-join': 0.3,
};

const looking: readonly OperationName[] = ['acquire', 'get-name'];

const rootLimit = 40;
const nameCount = 6;
const levelLimit = 4;
/** Behind the embedded references: level, maker's id and incarnation, check word. */
const dataBytes = 16;

export class RandomClient {
  readonly core: Core;
  readonly #machineNumber: number;
  readonly #random: () => number;
  readonly #view: DataView;
  readonly #roots: number[] = [];
  readonly #sending: number[] = [];
  readonly #deck: readonly OperationName[];
  readonly #operations: Partial<Record<OperationName, () => void>> = {
    alloc: () => this.#alloc(dataBytes + this.#below(280), this.#below(5)),
    'alloc-large': () => this.#alloc(600 + this.#below(4_000), this.#below(5)),
    'alloc-huge': () => this.#alloc(33_000 + this.#below(60_000), this.#below(3)),
    drop: () => this.#drop(),
    attach: () => this.#link('attach'),
    detach: () => this.#detach(),
    change: () => this.#link('change'),
    acquire: () => this.#acquire(),
    clone: () => this.#clone(),
    'set-name': () => this.#setName(),
    'get-name': () => this.#getName(),
    'open-queue': () => this.#openQueue(),
    send: () => this.#send(),
    receive: () => this.#receive(),
    'close-queue': () => this.#closeQueue(),
    collect: () => this.#expect('collect', this.core.exports.shmCollect(), [codes.OK]),
    'leave-and-join': () => this.#leaveAndJoin(),
  };

  /** `looks`: it also reads what it holds no reference to. While nobody does, objects are given back on a shorter way. */
  constructor(core: Core, options: { readonly machineNumber: number; readonly random: () => number; readonly looks: boolean }) {
    const { machineNumber, random, looks } = options;
    this.core = core;
    this.#machineNumber = machineNumber;
    this.#random = random;
    this.#view = new DataView(core.pool.buffer, core.pool.byteOffset, core.pool.byteLength);
    this.#deck = operationNames
      .filter((name) => looks || !looking.includes(name))
      .flatMap((name) => Array.from({ length: Math.ceil((weights[name] ?? 0) * 4) }, () => name));
  }

  next(): OperationName {
    return this.#roots.length > rootLimit ? 'drop' : this.#pick(this.#deck)!;
  }

  perform(operation: OperationName): void {
    this.#operations[operation]!();
  }

  join(): void {
    const { exports, thread } = this.core;
    this.#expect('join', exports.join(this.#machineNumber, process.pid, thread), [codes.OK]);
    // Some may hold little: they run into their quota.
    this.#expect('shmOpen', exports.shmOpen(this.#below(4) === 0 ? 3 + this.#below(4) : 0), [codes.OK]);
  }

  #alloc(sizeBytes: number, references: number): void {
    const { exports } = this.core;
    const root = exports.shmAlloc(sizeBytes, references) >>> 0;
    if (root < codes.CODE_LIMIT) {
      this.#expect('shmAlloc', root, [codes.HEAP_FULL, codes.QUOTA]);
      for (let dropped = 0; dropped < 5; dropped++) this.#drop();
      return;
    }
    const level = references === 0 ? 0 : 1 + this.#below(levelLimit);
    const data = this.#dataOf(root);
    const client = exports.selfClient();
    const incarnation = exports.selfIncarnation() >>> 0;
    [level, client, incarnation, checkWord(level, client, incarnation)].forEach((word, index) => {
      this.#view.setUint32(data + index * 4, word, true);
    });
    this.#roots.push(root);
  }

  #drop(): void {
    const root = this.#takeRoot();
    if (root !== undefined) this.#expect('shmDrop', this.core.exports.shmDrop(root), [codes.OK]);
  }

  /** Only its maker changes an object's references, and they lead to lower levels only, so that there are no cycles. */
  #link(how: 'attach' | 'change'): void {
    const { exports } = this.core;
    const parent = this.#pick(this.#roots);
    const target = this.#pick(this.#roots);
    if (parent === undefined || target === undefined || !this.#isMine(parent)) return;
    const references = exports.shmReferences(parent);
    if (references === 0 || this.#levelOf(parent) <= this.#levelOf(target)) return;
    const index = this.#below(references);
    if (how === 'attach') this.#expect('shmAttach', exports.shmAttach(parent, index, target), [codes.OK, codes.OCCUPIED]);
    else this.#expect('shmChange', exports.shmChange(parent, index, target), [codes.OK]);
  }

  #detach(): void {
    const { exports } = this.core;
    const parent = this.#pick(this.#roots);
    if (parent === undefined || !this.#isMine(parent) || exports.shmReferences(parent) === 0) return;
    this.#expect('shmDetach', exports.shmDetach(parent, this.#below(exports.shmReferences(parent))), [codes.OK, codes.EMPTY]);
  }

  #acquire(): void {
    const { exports } = this.core;
    const parent = this.#pick(this.#roots);
    if (parent === undefined || exports.shmReferences(parent) === 0) return;
    const index = this.#below(exports.shmReferences(parent));
    this.#keep('shmAcquire', exports.shmAcquire(parent, index), [codes.EMPTY, codes.HEAP_FULL]);
  }

  #clone(): void {
    const root = this.#pick(this.#roots);
    if (root !== undefined) this.#keep('shmClone', this.core.exports.shmClone(root), [codes.HEAP_FULL]);
  }

  #setName(): void {
    const { exports } = this.core;
    const root = this.#below(3) === 0 ? 0 : (this.#pick(this.#roots) ?? 0);
    this.#expect('shmSetName', exports.shmSetName(this.#name(), root), [codes.OK, codes.BUSY]);
  }

  #getName(): void {
    this.#keep('shmGetName', this.core.exports.shmGetName(this.#name()), [codes.NOT_FOUND, codes.EMPTY, codes.HEAP_FULL]);
  }

  #openQueue(): void {
    const { exports } = this.core;
    const receiver = this.#below(lineOfClients);
    if (receiver === exports.selfClient() || this.#sending.length > 3) return;
    const answer = exports.shmOpenQueue(receiver, this.#below(3), 0);
    if (answer >= codes.CODE_LIMIT) this.#sending.push(answer - codes.CODE_LIMIT);
    else this.#expect('shmOpenQueue', answer, [codes.NOT_FOUND, codes.FULL]);
  }

  #send(): void {
    const { exports } = this.core;
    const queue = this.#pick(this.#sending);
    if (queue === undefined) return;
    for (let count = 1 + this.#below(3); count > 0 && this.#roots.length > 0; count--) {
      const at = this.#below(this.#roots.length);
      const isMove = this.#below(2);
      const code = exports.shmFill(queue, this.#roots[at]!, isMove);
      this.#expect('shmFill', code, [codes.OK, codes.FULL, codes.CLOSED]);
      if (code === codes.OK && isMove === 1) this.#roots.splice(at, 1);
      if (code === codes.CLOSED) {
        this.#close(queue);
        return;
      }
    }
    if (this.#below(4) > 0) this.#expect('shmPublish', exports.shmPublish(queue), [codes.OK]);
  }

  #receive(): void {
    const { exports } = this.core;
    const found = exports.shmFindQueues(0, 0, 1, 0);
    if (found === 0) return;
    const queue = this.#scratch(constants.SCRATCH_BATCH_OFFSET).getUint32(this.#below(found) * 4, true);
    for (let count = 1 + this.#below(4); count > 0; count--) {
      const answer = exports.shmReceive(queue) >>> 0;
      if (answer === codes.CLOSED || this.#below(60) === 0) {
        if (answer >= codes.CODE_LIMIT) this.#keep('shmReceive', answer, []);
        this.#expect('shmCloseQueue', exports.shmCloseQueue(queue), [codes.OK]);
        return;
      }
      this.#keep('shmReceive', answer, [codes.PENDING, codes.HEAP_FULL]);
      if (answer < codes.CODE_LIMIT) return;
    }
  }

  #closeQueue(): void {
    const queue = this.#pick(this.#sending);
    if (queue !== undefined) this.#close(queue);
  }

  #close(queue: number): void {
    this.#sending.splice(this.#sending.indexOf(queue), 1);
    this.#expect('shmCloseQueue', this.core.exports.shmCloseQueue(queue), [codes.OK]);
  }

  #leaveAndJoin(): void {
    this.#roots.length = 0;
    this.#sending.length = 0;
    this.#expect('leave', this.core.exports.leave(), [codes.OK]);
    this.join();
  }

  #keep(what: string, answer: number, refusals: readonly number[]): void {
    const root = answer >>> 0;
    if (root < codes.CODE_LIMIT) {
      this.#expect(what, root, refusals);
      return;
    }
    this.#roots.push(root);
    this.#levelOf(root);
  }

  #takeRoot(): number | undefined {
    return this.#roots.length === 0 ? undefined : this.#roots.splice(this.#below(this.#roots.length), 1)[0];
  }

  #isMine(root: number): boolean {
    const { exports } = this.core;
    const data = this.#dataOf(root);
    return (
      this.#view.getUint32(data + 4, true) === exports.selfClient() &&
      this.#view.getUint32(data + 8, true) === exports.selfIncarnation() >>> 0
    );
  }

  /** Memory that was given back while this client held it would not have its check word for long. */
  #levelOf(root: number): number {
    const data = this.#dataOf(root);
    const [level, client, incarnation, check] = [0, 4, 8, 12].map((at) => this.#view.getUint32(data + at, true)) as [
      number,
      number,
      number,
      number,
    ];
    if (check !== checkWord(level, client, incarnation))
      throw new Error(`root ${root} holds an object that is not what was put into it`);
    return level;
  }

  #dataOf(root: number): number {
    const payload = this.core.exports.shmPayload(root) >>> 0;
    if (payload === 0) throw new Error(`root ${root} holds nothing any more`);
    return payload + this.core.exports.shmReferences(root) * 8;
  }

  /** Writes one of a few names where the core looks for it; its length. */
  #name(): number {
    return writeName(this.core, String.fromCharCode(0x61 + this.#below(nameCount)));
  }

  #scratch(offset: number): DataView {
    return scratchOf(this.core, offset);
  }

  #expect(what: string, code: number, expected: readonly number[]): void {
    if (expected.includes(code)) return;
    const named = Object.entries(codes).find(([, value]) => value === code)?.[0] ?? code;
    throw new Error(`${what} answered ${named}`);
  }

  #below(limit: number): number {
    return Math.floor(this.#random() * limit);
  }

  #pick<T>(from: readonly T[]): T | undefined {
    return from[this.#below(from.length)];
  }
}

/** Puts a name where the core looks for it; its length. */
export function writeName(core: Core, name: string): number {
  const bytes = scratchOf(core, constants.SCRATCH_NAME_OFFSET);
  for (let at = 0; at < constants.NAME_LIMIT_BYTES; at++) bytes.setUint8(at, at < name.length ? name.charCodeAt(at) : 0);
  return name.length;
}

function scratchOf(core: Core, offset: number): DataView {
  const thread = core.mapped.scratchBase + constants.SCRATCH_THREADS_OFFSET + core.thread * constants.SCRATCH_THREAD_BYTES;
  return new DataView(core.bytes.buffer, thread + offset);
}

/** Ids are given out from 0 on: nobody in the soak has a higher one. */
const lineOfClients = 24;

function checkWord(level: number, client: number, incarnation: number): number {
  return (Math.imul(level + 1, 0x9e3779b1) ^ Math.imul(client + 1, 0x85ebca6b) ^ Math.imul(incarnation, 0xc2b2ae35)) >>> 0;
}

/** The same numbers for the same seed everywhere. */
export function randomNumbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return (((state >>> 9) ^ (state << 14)) >>> 0) / 2 ** 32;
  };
}
