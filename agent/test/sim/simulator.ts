/**
 * Runs the traced build of the core: the simulator owns the bytes, and each client is an instance that can be suspended, or ended,
 * at any access (design D3). Clients are coroutines in one thread, so a run is decided by its schedule and nothing else.
 */
import { readFileSync } from 'node:fs';
import { crashPointNumber } from '../../src/crash-points/index.ts';
import { type History, readHistory } from '../../src/history/read.ts';
import { inspectPool, type PoolInspection } from '../../src/inspect/inspect.ts';
import { constants, layout } from '../../src/layout/index.ts';
import type { CoreExports } from '../../src/pool/core.ts';
import { coherentMemory } from './memory/coherent.ts';
import {
  type Access,
  type Kind,
  kinds,
  type MachineCrash,
  MemoryFault,
  type MemoryMaker,
  type MemoryProfile,
} from './memory-profile.ts';
import { StateHash } from './state-hash.ts';

/** Of a world that is not told otherwise. */
export const poolSizeBytes = 2 * 1024 * 1024;
const poolBase = 2 * 1024 * 1024;
const historySizeBytes = 8192;
/** Every client is a process of its own: its scratch is nobody else's. */
const scratchSizeBytes = 65536;

/** Thrown in a client in place of the SIGKILL. */
export class Crash extends Error {
  override readonly name = 'Crash';
}

const module = new WebAssembly.Module(readFileSync(new URL('../../dist/core-simulated.wasm', import.meta.url)));
const sites = JSON.parse(readFileSync(new URL('../../dist/core-traced-sites.json', import.meta.url), 'utf8')) as {
  readonly file: string;
  readonly line: number;
}[];

export interface Call {
  readonly fn: keyof CoreExports;
  readonly args: readonly number[];
}

/** A client's program: yields calls of the core, is given their results. */
export type Program = Generator<Call, void, number>;

export function call<Name extends keyof CoreExports>(fn: Name, ...args: Parameters<CoreExports[Name]>): Call {
  return { fn, args };
}

export interface WorldOptions {
  /** Number of the deliberate mistake that is switched on; 0 for none. See mutants.ts. */
  readonly mutant?: number;
  /** How memory behaves; without it one coherent copy. See memory/. */
  readonly memory?: MemoryMaker;
  /** A multiple of 4096. */
  readonly poolSizeBytes?: number;
  /** Clients in one world, at most. */
  readonly clientLimit?: number;
}

/** What `snapshot` keeps; good for the world that it is from, as often as one likes. */
export interface WorldSnapshot {
  readonly memory: unknown;
  readonly clients: readonly ClientState[];
}

export class World {
  readonly memory: MemoryProfile;
  readonly clients: SimulatedClient[] = [];
  readonly mutant: number;
  readonly poolSizeBytes: number;
  readonly historyBase: number;
  readonly firstScratch: number;
  readonly clientLimit: number;
  /** Clients by index, those too that a restore took away: making an instance is dear. */
  readonly #made: SimulatedClient[] = [];

  /** Told of every access of a running program, before it is made; true when the client need not wait for its turn. */
  mayRunOn: ((client: SimulatedClient, what: number, address: number) => boolean) | undefined;
  /** Told of every shared access that is made. */
  onAccess: ((client: SimulatedClient, what: number, address: number, site: number) => void) | undefined;

  constructor(options: WorldOptions = {}) {
    this.mutant = options.mutant ?? 0;
    this.poolSizeBytes = options.poolSizeBytes ?? poolSizeBytes;
    if (this.poolSizeBytes % 4096 !== 0) throw new Error(`a pool of ${this.poolSizeBytes} bytes is no multiple of 4096`);
    this.historyBase = poolBase + this.poolSizeBytes;
    this.firstScratch = this.historyBase + 65536;
    this.clientLimit = options.clientLimit ?? 16;
    const sizeBytes = this.firstScratch + this.clientLimit * scratchSizeBytes;
    this.memory = (options.memory ?? coherentMemory)({ sizeBytes, poolBase, poolSizeBytes: this.poolSizeBytes });
  }

  client(machine: number): SimulatedClient {
    const index = this.clients.length;
    if (index === this.clientLimit) throw new Error(`this world has room for ${index} clients: see clientLimit`);
    let client = this.#made[index];
    if (client === undefined) {
      client = new SimulatedClient(this, index, machine);
      this.#made.push(client);
    } else {
      client.bear(machine);
    }
    this.clients.push(client);
    return client;
  }

  /** Keeps everything: bytes, caches, who is alive. Nobody may be in the middle of a program. */
  snapshot(): WorldSnapshot {
    const clients = this.clients.map((client) => client.state());
    return { memory: this.memory.snapshot(), clients };
  }

  /**
   * Goes back, in time that grows with what was written since and not with the pool. Clients made since are gone; the others are as
   * they were, whatever became of them. Bytes that a test writes must come from `poolBytes`, or this does not see that they changed.
   */
  restore(snapshot: WorldSnapshot): void {
    this.clients.length = 0;
    for (const [index, state] of snapshot.clients.entries()) {
      const client = this.#made[index]!;
      client.become(state);
      this.clients.push(client);
    }
    this.memory.restore(snapshot.memory);
    this.mayRunOn = undefined;
    this.onAccess = undefined;
  }

  /** Power-off of a machine: all its clients are dead, and what was in their store buffers and in its cache is gone. */
  crashMachine(machine: number, how: MachineCrash = {}): void {
    this.memory.crashMachine(machine, how);
    for (const client of this.clients) {
      if (client.machine === machine) client.isDead = true;
    }
  }

  /** Lets everything that is still in store buffers and caches arrive: inspectors then see what a coherent reader sees. */
  settle(): void {
    this.memory.settle();
  }

  /** With `heap`, the heap is recounted as well. */
  inspect(options: { readonly heap?: boolean } = {}): PoolInspection {
    const bytes = options.heap === true ? this.poolSizeBytes : Math.min(constants.CONTROL_BYTES, this.poolSizeBytes);
    return inspectPool(this.memory.bytes.subarray(poolBase, poolBase + bytes), this.poolSizeBytes);
  }

  history(): History {
    return readHistory(this.memory.bytes.subarray(this.historyBase, this.historyBase + historySizeBytes));
  }

  /** Bytes of the pool, for reading and for writing past the core. */
  poolBytes(offset: number, length: number): Uint8Array {
    this.memory.expose(poolBase + offset, length);
    return this.memory.bytes.subarray(poolBase + offset, poolBase + offset + length);
  }
}

/** What Binaryen's Asyncify adds to the exports. */
interface Asyncify {
  asyncify_start_unwind(data: number): void;
  asyncify_stop_unwind(): void;
  asyncify_start_rewind(data: number): void;
  asyncify_stop_rewind(): void;
}

/** Where a suspended call is kept in the instance's own memory: two words that bound the stack, then the stack. */
const asyncifyData = 16;
const stackStart = asyncifyData + 8;
const stackEnd = 65536;

/** A client in a snapshot. */
export interface ClientState {
  readonly machine: number;
  readonly isDead: boolean;
  readonly accesses: number;
  readonly crashAt: number;
  readonly armedPoint: number;
  readonly armedHit: number;
  readonly counts: Uint32Array;
}

type Exported = (...args: readonly number[]) => number | undefined;

export class SimulatedClient {
  readonly world: World;
  readonly index: number;
  readonly process: number;
  readonly core: CoreExports;
  machine: number;
  /** Shared accesses since the start, or since `crashAtAccess`. */
  accesses = 0;
  /** What it died of, when memory answered it with an error. */
  fault: MemoryFault | undefined;
  /** Shared accesses by kind since the start: see `countOf`. */
  readonly counts = new Uint32Array(16);

  readonly #memory: MemoryProfile;
  readonly #scratchBase: number;
  readonly #firstScratch: number;
  readonly #asyncify: Asyncify;
  readonly #stack: Int32Array;
  #isDead = false;
  #armedPoint = 0;
  #armedHit = 0;
  #crashAt = 0;

  // Of a client that runs a program.
  #program: Program | undefined;
  #function: Exported | undefined;
  #arguments: readonly number[] = [];
  #suspends = false;
  #rewinding = false;
  #answer = 0;
  /** Of what its calls were answered. */
  readonly #past = new StateHash();
  /** Waits for its turn with the access of the next seven fields. */
  #isPending = false;
  #what = 0;
  #address = 0;
  #site = 0;
  #low = 0;
  #high = 0;
  #expectedLow = 0;
  #expectedHigh = 0;

  constructor(world: World, index: number, machine: number) {
    this.world = world;
    this.index = index;
    this.machine = machine;
    this.process = 1000 + index;
    this.#memory = world.memory;
    this.#firstScratch = world.firstScratch;
    this.#scratchBase = world.firstScratch + index * scratchSizeBytes;
    const memory = world.memory;
    const instance = new WebAssembly.Instance(module, {
      simulator: {
        access: (
          what: number,
          address: number,
          site: number,
          low: number,
          high: number,
          expectedLow: number,
          expectedHigh: number,
        ) => this.#access(what, address, site, low, high, expectedLow, expectedHigh),
        upperHalf: () => memory.upper,
        mutant: () => world.mutant,
      },
      host: {
        monotonicNs: () => 1,
        died: (point: number) => {
          throw new Crash(`at crash point ${point}`);
        },
        broken: (invariant: number) => {
          throw new Error(`invariant ${invariant} does not hold`);
        },
      },
    });
    this.core = instance.exports as unknown as CoreExports;
    this.#stack = new Int32Array((instance.exports.stack as WebAssembly.Memory).buffer);
    this.#asyncify = instance.exports as unknown as Asyncify;
    this.bear(machine);
  }

  /** Starts as a new process of the machine; what an earlier one left in the pool stays there. */
  bear(machine: number): void {
    this.become({ machine, isDead: false, accesses: 0, crashAt: 0, armedPoint: 0, armedHit: 0, counts: new Uint32Array(16) });
    this.#init(0, 0);
    this.core.introduce(machine, this.process);
  }

  /** For `World.snapshot`. */
  state(): ClientState {
    if (this.isRunning) throw new Error(`client ${this.index} is in the middle of a program: a snapshot cannot keep that`);
    return {
      machine: this.machine,
      isDead: this.#isDead,
      accesses: this.accesses,
      crashAt: this.#crashAt,
      armedPoint: this.#armedPoint,
      armedHit: this.#armedHit,
      counts: this.counts.slice(),
    };
  }

  /** For `World.restore`. A call that was suspended is forgotten: the instance keeps nothing of it that the next one would see. */
  become(state: ClientState): void {
    this.machine = state.machine;
    this.#isDead = state.isDead;
    this.fault = undefined;
    this.accesses = state.accesses;
    this.#crashAt = state.crashAt;
    this.counts.set(state.counts);
    this.#program = undefined;
    this.#past.clear();
    this.#suspends = false;
    this.#rewinding = false;
    this.#isPending = false;
    if (this.#armedPoint !== state.armedPoint || this.#armedHit !== state.armedHit) {
      this.#init(state.armedPoint, state.armedHit);
    }
  }

  #init(point: number, hit: number): void {
    this.#armedPoint = point;
    this.#armedHit = hit;
    const { poolSizeBytes, historyBase } = this.world;
    this.core.init(poolBase, poolSizeBytes, historyBase, historySizeBytes, this.#scratchBase, 0, point, hit);
  }

  /** Dies at the `hit`-th passage of a named crash point. */
  arm(point: string, hit = 1): void {
    this.#init(crashPointNumber(point)!, hit);
  }

  /** Dies instead of making its n-th shared access from here on; 0 for never. */
  crashAtAccess(n: number): void {
    this.accesses = 0;
    this.#crashAt = n;
  }

  /** Shared accesses of a kind since the start, or since `forgetCounts`. */
  countOf(kind: Kind): number {
    return this.counts[kinds[kind]]!;
  }

  forgetCounts(): void {
    this.counts.fill(0);
  }

  get isDead(): boolean {
    return this.#isDead;
  }

  /** True is as `kill`. */
  set isDead(isDead: boolean) {
    if (isDead && !this.#isDead) this.#memory.endClient(this.index, this.machine);
    this.#isDead = isDead;
  }

  /** SIGKILL: what it stored arrives, nothing follows. */
  kill(): void {
    this.isDead = true;
  }

  /** Dies of what ends a client; everything else is an error of the test, or what the test looks for. */
  #dieOf(error: unknown): void {
    if (!(error instanceof Crash || error instanceof MemoryFault)) throw error;
    if (error instanceof MemoryFault) this.fault = error;
    this.isDead = true;
  }

  /** Runs `action` to its end, or to this client's; undefined when it is dead. */
  attempt<T>(action: (core: CoreExports) => T): T | undefined {
    if (this.#isDead) return undefined;
    try {
      return action(this.core);
    } catch (error) {
      this.#dieOf(error);
      return undefined;
    }
  }

  /** Hands a service's name over, as agent/src/rpc/service-name.ts does. */
  name(service: string): number {
    const bytes = new TextEncoder().encode(service);
    const area = this.#scratchBase + constants.SCRATCH_THREADS_OFFSET + constants.SCRATCH_NAME_OFFSET;
    this.#memory.expose(area, constants.NAME_LIMIT_BYTES);
    this.#memory.bytes.fill(0, area, area + constants.NAME_LIMIT_BYTES);
    this.#memory.bytes.set(bytes, area);
    return bytes.length;
  }

  /** What the core says of the message that a handle received last, as agent/src/rpc/buffers.ts reads it. */
  lastMessage(handle: number): { readonly offset: number; readonly lengthBytes: number; readonly kind: number } {
    const view = this.handleBlock(handle);
    const { messageOffset, messageBytes, messageKind } = layout.Handle;
    return {
      offset: view.getUint32(messageOffset.offset, true),
      lengthBytes: view.getUint32(messageBytes.offset, true),
      kind: view.getUint32(messageKind.offset, true),
    };
  }

  /** The block in which its thread remembers a connection; see `layout.Handle`. */
  handleBlock(handle: number): DataView<ArrayBufferLike> {
    const thread = this.#scratchBase + constants.SCRATCH_THREADS_OFFSET;
    const at = thread + constants.SCRATCH_HANDLES_OFFSET + handle * constants.HANDLE_BYTES;
    return new DataView(this.#memory.bytes.buffer, at, constants.HANDLE_BYTES);
  }

  // -- as a coroutine ------------------------------------------------------------------------------------------------------

  /** Runs up to the program's first shared access. */
  start(program: Program): void {
    this.#program = program;
    this.#suspends = true;
    this.#past.clear();
    this.#continue(program.next());
  }

  get isRunning(): boolean {
    return this.#isPending && !this.#isDead;
  }

  /** It has been given a program since it was born, or since the last restore. */
  get hasStarted(): boolean {
    return this.#program !== undefined;
  }

  /**
   * Adds all that decides what this client will do, memory aside: its pending access, the suspended call, what earlier calls were
   * answered. A program that looks at anything else makes states equal that are not.
   */
  addTo(hash: StateHash): void {
    hash.add((this.#isDead ? 1 : 0) | (this.#program === undefined ? 0 : 2) | (this.#isPending ? 4 : 0));
    if (this.#isDead) return;
    hash.add(this.#past.low);
    hash.add(this.#past.high);
    if (!this.#isPending) return;
    hash.add(this.#what);
    hash.add(this.#address);
    hash.add(this.#low);
    hash.add(this.#high);
    hash.add(this.#expectedLow);
    hash.add(this.#expectedHigh);
    const end = this.#stack[asyncifyData >> 2]! >> 2;
    for (let word = stackStart >> 2; word < end; word++) hash.add(this.#stack[word]!);
  }

  /** What it is about to do, without the object that `pending` makes. */
  get pendingWhat(): number {
    return this.#what;
  }

  get pendingAddress(): number {
    return this.#address;
  }

  /** The access that waits to be made, of a client that runs a program. */
  get pending(): Access | undefined {
    if (!this.#isPending) return undefined;
    return {
      what: this.#what,
      address: this.#address,
      site: this.#site,
      low: this.#low,
      high: this.#high,
      expectedLow: this.#expectedLow,
      expectedHigh: this.#expectedHigh,
    };
  }

  /** Makes the pending access, then runs up to the next one or to the end of the program. */
  step(): void {
    this.#isPending = false;
    if (++this.accesses === this.#crashAt) {
      this.isDead = true;
      return;
    }
    try {
      this.#answer = this.#make(
        this.#what,
        this.#address,
        this.#site,
        this.#low,
        this.#high,
        this.#expectedLow,
        this.#expectedHigh,
      );
    } catch (error) {
      this.#dieOf(error);
      return;
    }
    this.#rewinding = true;
    this.#asyncify.asyncify_start_rewind(asyncifyData);
    this.#enter();
  }

  #enter(): void {
    let result: number | undefined;
    try {
      result = this.#function!(...this.#arguments);
    } catch (error) {
      this.#dieOf(error);
      return;
    }
    if (this.#isPending) {
      this.#asyncify.asyncify_stop_unwind();
      return;
    }
    this.#past.add(result ?? 0);
    this.#continue(this.#program!.next(result ?? 0));
  }

  #continue(next: IteratorResult<Call, void>): void {
    if (next.done) {
      this.#suspends = false;
      return;
    }
    this.#function = this.core[next.value.fn] as Exported;
    this.#arguments = next.value.args;
    this.#enter();
  }

  #access(
    what: number,
    address: number,
    site: number,
    low: number,
    high: number,
    expectedLow: number,
    expectedHigh: number,
  ): number {
    if (this.#suspends) {
      // First of all, because the arguments of a call that is wound up again mean nothing.
      if (this.#rewinding) {
        this.#rewinding = false;
        this.#asyncify.asyncify_stop_rewind();
        return this.#answer;
      }
      if (address < this.#firstScratch && this.world.mayRunOn?.(this, what, address) !== true) {
        this.#isPending = true;
        this.#what = what;
        this.#address = address;
        this.#site = site;
        this.#low = low;
        this.#high = high;
        this.#expectedLow = expectedLow;
        this.#expectedHigh = expectedHigh;
        this.#stack[asyncifyData >> 2] = stackStart;
        this.#stack[(asyncifyData >> 2) + 1] = stackEnd;
        this.#asyncify.asyncify_start_unwind(asyncifyData);
        return 0;
      }
    }
    if (address >= this.#firstScratch) {
      return this.#memory.access(this.index, this.machine, what, address, low, high, expectedLow, expectedHigh);
    }
    if (++this.accesses === this.#crashAt) throw new Crash(`at access ${this.accesses}, ${nameOfSite(site)}`);
    return this.#make(what, address, site, low, high, expectedLow, expectedHigh);
  }

  #make(
    what: number,
    address: number,
    site: number,
    low: number,
    high: number,
    expectedLow: number,
    expectedHigh: number,
  ): number {
    const kind = what & 15;
    if (address < poolBase && kind !== kinds.storeFence && kind !== kinds.fullFence) {
      throw new Error(`${nameOfSite(site)} touches ${address}, which is nobody's`);
    }
    this.counts[kind]!++;
    if (this.world.onAccess !== undefined) this.world.onAccess(this, what, address, site);
    return this.#memory.access(this.index, this.machine, what, address, low, high, expectedLow, expectedHigh);
  }
}

/** Where in the core an access stands. */
export const siteOf = (access: Access): string => nameOfSite(access.site);

export function nameOfSite(number: number): string {
  const site = sites[number];
  return site === undefined ? 'unknown' : `${site.file}:${site.line}`;
}
