/**
 * Runs the traced build of the core: the simulator owns the bytes, and each client is an instance that can be suspended, or ended,
 * at any access (design D3). Clients are coroutines in one thread, so a run is decided by its schedule and nothing else.
 */
import { readFileSync } from 'node:fs';
import { crashPointNumber } from '../../src/crash-points/index.ts';
import { type History, readHistory } from '../../src/history/read.ts';
import { inspectPool, type PoolInspection } from '../../src/inspect/inspect.ts';
import { constants } from '../../src/layout/index.ts';
import type { CoreExports } from '../../src/pool/core.ts';
import { type Access, CoherentMemory, kinds, type MemoryProfile } from './memory-profile.ts';

export const poolSizeBytes = 2 * 1024 * 1024;
const poolBase = 2 * 1024 * 1024;
const historyBase = poolBase + poolSizeBytes;
const historySizeBytes = 8192;
/** Every client is a process of its own: its scratch is nobody else's. */
const firstScratch = historyBase + 65536;

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

export class World {
  readonly memory: MemoryProfile;
  readonly clients: SimulatedClient[] = [];
  /** Number of the deliberate mistake that is switched on; 0 for none. See mutants.ts. */
  readonly mutant: number;

  /** Told of every access of a running program; true when the client need not wait for its turn. */
  mayRunOn: ((client: SimulatedClient, access: Access) => boolean) | undefined;

  constructor(options: { readonly mutant?: number; readonly memory?: MemoryProfile } = {}) {
    this.mutant = options.mutant ?? 0;
    this.memory = options.memory ?? new CoherentMemory(firstScratch + 16 * 65536);
  }

  client(machine: number): SimulatedClient {
    const client = new SimulatedClient(this, this.clients.length, machine);
    this.clients.push(client);
    return client;
  }

  inspect(): PoolInspection {
    return inspectPool(this.memory.bytes.subarray(poolBase, poolBase + constants.CONTROL_BYTES), poolSizeBytes);
  }

  history(): History {
    return readHistory(this.memory.bytes.subarray(historyBase, historyBase + historySizeBytes));
  }

  /** The control words that survive a run, for comparing ends of schedules. */
  poolBytes(offset: number, length: number): Uint8Array {
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

const asyncifyData = 16;

export class SimulatedClient {
  readonly world: World;
  readonly machine: number;
  readonly process: number;
  readonly core: CoreExports;
  readonly #scratchBase: number;
  readonly #asyncify: Asyncify;
  readonly #stack: Int32Array;
  #upper = 0;
  #suspends = false;
  #rewinding = false;
  #answer = 0;
  #crashAt = 0;
  #program: Program | undefined;
  #current: Call | undefined;

  isDead = false;
  /** Shared accesses since the start, or since `crashAtAccess`. */
  accesses = 0;
  /** The access that waits to be made, of a client that runs a program. */
  pending: Access | undefined;

  constructor(world: World, index: number, machine: number) {
    this.world = world;
    this.machine = machine;
    this.process = 1000 + index;
    this.#scratchBase = firstScratch + index * 65536;
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
        ) => this.#access({ what, address, site, low, high, expectedLow, expectedHigh }),
        upperHalf: () => this.#upper,
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
    this.#init(0, 0);
    this.core.introduce(machine, this.process);
  }

  #init(point: number, hit: number): void {
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

  /** Runs `action` to its end, or to this client's; undefined when it is dead. */
  attempt<T>(action: (core: CoreExports) => T): T | undefined {
    if (this.isDead) return undefined;
    try {
      return action(this.core);
    } catch (error) {
      if (!(error instanceof Crash)) throw error;
      this.isDead = true;
      return undefined;
    }
  }

  /** Hands a service's name over, as agent/src/rpc/service-name.ts does. */
  name(service: string): number {
    const bytes = new TextEncoder().encode(service);
    const area = this.#scratchBase + constants.SCRATCH_THREADS_OFFSET + constants.SCRATCH_NAME_OFFSET;
    this.world.memory.bytes.fill(0, area, area + constants.NAME_LIMIT_BYTES);
    this.world.memory.bytes.set(bytes, area);
    return bytes.length;
  }

  // -- as a coroutine ------------------------------------------------------------------------------------------------------

  /** Runs up to the program's first shared access. */
  start(program: Program): void {
    this.#program = program;
    this.#suspends = true;
    this.#continue(program.next());
  }

  get isRunning(): boolean {
    return !this.isDead && this.pending !== undefined;
  }

  /** Makes the pending access, then runs up to the next one or to the end of the program. */
  step(): void {
    const access = this.pending!;
    this.pending = undefined;
    this.#count();
    if (this.isDead) return;
    this.#answer = this.#make(access);
    this.#rewinding = true;
    this.#asyncify.asyncify_start_rewind(asyncifyData);
    this.#enter();
  }

  #enter(): void {
    const { fn, args } = this.#current!;
    let result: number | undefined;
    try {
      result = (this.core[fn] as (...args: readonly number[]) => number)(...args);
    } catch (error) {
      if (!(error instanceof Crash)) throw error;
      this.isDead = true;
      return;
    }
    if (this.pending !== undefined) {
      this.#asyncify.asyncify_stop_unwind();
      return;
    }
    this.#continue(this.#program!.next(result ?? 0));
  }

  #continue(next: IteratorResult<Call, void>): void {
    if (next.done) {
      this.#suspends = false;
      return;
    }
    this.#current = next.value;
    this.#enter();
  }

  #count(): void {
    this.accesses++;
    if (this.accesses === this.#crashAt) this.isDead = true;
  }

  #access(access: Access): number {
    if (access.address >= firstScratch) return this.#make(access);
    if (this.#rewinding) {
      this.#rewinding = false;
      this.#asyncify.asyncify_stop_rewind();
      return this.#answer;
    }
    if (this.#suspends && this.world.mayRunOn?.(this, access) === true) {
      this.#count();
      if (this.isDead) throw new Crash(`at access ${this.accesses}, ${siteOf(access)}`);
      return this.#make(access);
    }
    if (this.#suspends) {
      this.pending = access;
      this.#stack[asyncifyData / 4] = asyncifyData + 8;
      this.#stack[asyncifyData / 4 + 1] = 65536;
      this.#asyncify.asyncify_start_unwind(asyncifyData);
      return 0;
    }
    this.#count();
    if (this.isDead) throw new Crash(`at access ${this.accesses}, ${siteOf(access)}`);
    return this.#make(access);
  }

  #make(access: Access): number {
    if (access.address < poolBase && (access.what & 15) !== kinds.storeFence)
      throw new Error(`${siteOf(access)} touches ${access.address}, which is nobody's`);
    const low = this.world.memory.access(this.machine, access);
    this.#upper = this.world.memory.upper;
    return low;
  }
}

/** Where in the core an access stands. */
export function siteOf(access: Access): string {
  const site = sites[access.site];
  return site === undefined ? 'unknown' : `${site.file}:${site.line}`;
}
