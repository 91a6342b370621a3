/**
 * Write-back caches under the core: what memory-model.md leaves open (when a store leaves its buffer, which line comes and goes by
 * itself, what a dead machine had written back in time) is drawn from a seed, or answered by `choose`.
 *
 *     new World({ memory: writeBackMemory({ profile: 'COH', seed }) })
 */
import {
  isAtomic,
  kinds,
  type MachineCrash,
  type MemoryExtent,
  type MemoryMaker,
  type MemoryProfile,
} from '../memory-profile.ts';
import type { StateHash } from '../state-hash.ts';
import { CachedMemory, type CachedMemoryState, type DeviceAccesses, type DeviceProfile, profileNamed } from './cached-memory.ts';
import type { ChangedPages } from './changed-pages.ts';
import { CoherentMemory } from './coherent.ts';
import { type Choose, Device, type DeviceState, wordsPerLine } from './device.ts';
import { buffered } from './store-buffer.ts';

export interface WriteBackOptions {
  readonly profile: DeviceProfile['name'];
  readonly seed?: number;
  /**
   * How restless the memory is, as chances per access of the core that something happens by itself. Drawn from the seed where not
   * given, from nearly idle to nearly always.
   */
  readonly drainChance?: number;
  readonly cacheChance?: number;
  /**
   * Decides what a power-off left, of store buffers and of lines (see choices.ts); without it the seed does. Nothing then happens by
   * itself before, unless the chances say so: what could have happened is decided afterwards.
   */
  readonly choose?: Choose;
  /** Lines come only when they are asked for: a prefetch is a hint. */
  readonly ignoresHints?: boolean;
  /**
   * Which lines of the pool the profile is about, by the offset of an access; all of them without it. The others are coherent, as
   * on a device that keeps only a part of its memory so.
   */
  readonly covers?: (offset: number) => boolean;
}

export function writeBackMemory(options: WriteBackOptions): MemoryMaker {
  return (extent) => new WriteBackMemory(extent, options);
}

/** Stores and write-backs that wait in one buffer, at most; processors have about as many. */
const bufferLimit = 56;
/** Versions of a dirty line that are kept, of more some are forgotten; unless all of them are to be tried. */
const versionLimit = 64;
const searchedVersionLimit = 4096;
const recentLimit = 16;
const drainChances = [0.02, 0.2, 0.7, 1];
const cacheChances = [0.002, 0.02, 0.2];

function tooManyVersions(count: number): never {
  throw new Error(`a line was written ${count} times without a write-back: too many to try all`);
}

interface Snapshot {
  readonly bytes: Uint8Array;
  readonly cached: CachedMemoryState;
  readonly device: DeviceState;
  readonly random: number;
  readonly drainChance: number;
  readonly cacheChance: number;
  readonly recent: Int32Array;
}

export class WriteBackMemory implements MemoryProfile {
  readonly bytes: Uint8Array;
  upper = 0;
  readonly #options: WriteBackOptions;
  readonly #cached: CachedMemory;
  readonly #device: Device;
  /** History and scratch: never cached. */
  readonly #plain: CoherentMemory;
  readonly #changed: ChangedPages;
  readonly #poolBase: number;
  readonly #poolEnd: number;
  #random = 0;
  #drainChance = 0;
  #cacheChance = 0;
  /** Lines that were used lately: what a prefetcher would go for. */
  readonly #recent = new Int32Array(recentLimit);

  constructor({ sizeBytes, poolBase, poolSizeBytes }: MemoryExtent, options: WriteBackOptions) {
    this.#options = options;
    this.#poolBase = poolBase;
    this.#poolEnd = poolBase + poolSizeBytes;
    this.#plain = new CoherentMemory(sizeBytes);
    this.bytes = this.#plain.bytes;
    this.#changed = this.#plain.changed;
    const draw = (count: number): number => this.#below(count);
    this.#device = new Device(new Int32Array(this.bytes.buffer), options.choose ?? draw, this.#changed);
    const isSearched = options.choose !== undefined;
    this.#cached = new CachedMemory(
      this.#device,
      profileNamed(options.profile),
      isSearched ? searchedVersionLimit : versionLimit,
      isSearched ? tooManyVersions : draw,
    );
    this.#recent.fill(poolBase >> 6);
    this.reseed(options.seed ?? 1);
  }

  reseed(seed: number): void {
    this.#random = seed >>> 0;
    const { choose, drainChance, cacheChance } = this.#options;
    this.#drainChance = drainChance ?? (choose === undefined ? drainChances[this.#below(drainChances.length)]! : 0);
    this.#cacheChance = cacheChance ?? (choose === undefined ? cacheChances[this.#below(cacheChances.length)]! : 0);
  }

  /** From 0 to 1; the generator of schedules.ts, with a state that a snapshot can keep. */
  #next(): number {
    this.#random = (this.#random + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.#random ^ (this.#random >>> 15), this.#random | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  #below(count: number): number {
    return Math.floor(this.#next() * count);
  }

  // -- for searches that let happen by themselves what can happen -----------------------------------------------------------

  get cached(): CachedMemory {
    return this.#cached;
  }

  /** The device, in words from address 0. */
  get device(): Int32Array {
    return this.#device.words;
  }

  /** Whether the profile is about this address; others are coherent. */
  readonly isCovered = (address: number): boolean =>
    address >= this.#poolBase && address < this.#poolEnd && this.#options.covers?.(address - this.#poolBase) !== false;

  /** Lets `addTo` see what is written to coherent bytes from here on. */
  set isHashing(isHashing: boolean) {
    this.#plain.isHashing = isHashing;
  }

  /** Adds all that it holds: coherent bytes, of the device those lines, caches and store buffers. */
  addTo(hash: StateHash, lines: Iterable<number>): void {
    hash.add(this.#plain.hashLow);
    hash.add(this.#plain.hashHigh);
    for (const line of lines) {
      for (let word = line * wordsPerLine; word < (line + 1) * wordsPerLine; word++) hash.add(this.#device.words[word]!);
      for (const [machine, cache] of this.#cached.caches) {
        const entry = cache.get(line);
        if (entry === undefined) continue;
        hash.add(machine * 2 + (entry.isDirty ? 1 : 0));
        for (const word of entry.words) hash.add(word);
      }
    }
    for (const [client, { entries }] of this.#cached.buffers) {
      for (const { kind, index, low, high } of entries) {
        hash.add(client * 8 + kind);
        hash.add(index);
        hash.add(low);
        hash.add(high);
      }
    }
  }

  get problems(): readonly string[] {
    return this.#cached.problems;
  }

  /** What the device was asked for by a client since the start, or since the last restore. */
  deviceAccesses(client: number): Readonly<DeviceAccesses> {
    return this.#cached.accesses.get(client) ?? { misses: 0, prefetches: 0, writeBacks: 0, direct: 0 };
  }

  access(
    client: number,
    machine: number,
    what: number,
    address: number,
    low: number,
    high: number,
    expectedLow: number,
    expectedHigh: number,
  ): number {
    const kind = what & 15;
    if (kind === kinds.storeFence) {
      this.#happen();
      this.#cached.buffer(client, machine, buffered.sfence);
      return 0;
    }
    if (kind === kinds.fullFence) {
      this.#happen();
      this.#drain(client);
      return 0;
    }
    if (address < this.#poolBase || address >= this.#poolEnd || this.#options.covers?.(address - this.#poolBase) === false) {
      // A locked write waits for what this client stored and flushed before, wherever that was.
      if (kind !== kinds.load && isAtomic(what) && address >= this.#poolBase && address < this.#poolEnd) this.#drain(client);
      const answer = this.#plain.access(client, machine, what, address, low, high, expectedLow, expectedHigh);
      this.upper = this.#plain.upper;
      return answer;
    }
    this.#happen();
    const index = address >> 2;
    const cached = this.#cached;
    if (kind === kinds.prefetch) {
      if (this.#options.ignoresHints !== true) cached.prefetch(machine, address >> 6, client);
      return 0;
    }
    if (kind === kinds.writeBack || kind === kinds.invalidate) {
      if (cached.bufferOf(client, machine).entries.length >= bufferLimit) this.#leaveOne(client);
      const flush = kind === kinds.writeBack ? buffered.clwb : buffered.clflushopt;
      cached.buffer(client, machine, flush, (address >> 6) << 4);
      return 0;
    }
    const sizeBytes = (what >> 4) & 15;
    if ((address & (sizeBytes - 1)) !== 0) throw new Error(`an access of ${sizeBytes} bytes at ${address} is not aligned`);
    const isWide = sizeBytes === 8;
    this.#recent[index & (recentLimit - 1)] = address >> 6;
    if (kind === kinds.load) {
      if (!cached.profile.isCached) this.#drain(client);
      const answer = cached.load(client, machine, index, isWide);
      this.upper = cached.upper;
      return answer;
    }
    if (kind === kinds.storeThrough || (kind === kinds.store && !isAtomic(what))) {
      if (cached.bufferOf(client, machine).entries.length >= bufferLimit) this.#leaveOne(client);
      const store = kind === kinds.store ? buffered.store : buffered.ntstore;
      cached.buffer(client, machine, store, index, isWide, low | 0, high | 0);
      return 0;
    }
    this.#drain(client);
    if (kind === kinds.store) {
      cached.exchange(client, machine, index, isWide, low | 0, high | 0);
      return 0;
    }
    const answer = cached.change(client, machine, index, (before, upper) => {
      if (kind === kinds.swap) {
        return before === (expectedLow | 0) && upper === (expectedHigh | 0) ? [low | 0, high | 0] : undefined;
      }
      if (kind === kinds.or) return [before | low, upper | high];
      const sum = (before >>> 0) + (low >>> 0);
      return [sum | 0, (upper + high + (sum > 0xffffffff ? 1 : 0)) | 0];
    });
    this.upper = cached.upper;
    return answer;
  }

  // -- what happens by itself -----------------------------------------------------------------------------------------------

  #happen(): void {
    if (this.#next() < this.#drainChance) this.#leaveSomewhere();
    if (this.#next() < this.#cacheChance) this.#touchSomeLine();
  }

  #leaveSomewhere(): void {
    let waiting = 0;
    for (const { entries } of this.#cached.buffers.values()) if (entries.length > 0) waiting++;
    if (waiting === 0) return;
    let skip = waiting === 1 ? 0 : this.#below(waiting);
    for (const [client, { entries }] of this.#cached.buffers) {
      if (entries.length === 0 || skip-- > 0) continue;
      this.#leaveOne(client);
      return;
    }
  }

  #leaveOne(client: number): void {
    const buffer = this.#cached.buffers.get(client)!;
    const leavers = buffer.entries.length === 1 ? [0] : buffer.leavers();
    this.#cached.leave(client, leavers.length === 1 ? leavers[0]! : leavers[this.#below(leavers.length)]!);
  }

  #touchSomeLine(): void {
    const cached = this.#cached;
    const machines = [...cached.caches.keys()];
    if (machines.length === 0 || !cached.profile.isCached) return;
    const machine = machines[this.#below(machines.length)]!;
    const cache = cached.cacheOf(machine);
    const act = this.#below(3);
    if (act === 0) {
      const line = this.#recent[this.#below(recentLimit)]! + this.#below(2);
      if (line < this.#poolEnd >> 6) cached.prefetch(machine, line);
      return;
    }
    if (cache.resident.length === 0) return;
    const entry = cache.resident[this.#below(cache.resident.length)]!;
    if (act === 1) cached.evict(machine, entry);
    else if (entry.isDirty) cached.writeBack(machine, entry);
  }

  #drain(client: number): void {
    const buffer = this.#cached.buffers.get(client);
    while (buffer !== undefined && buffer.entries.length > 0) this.#leaveOne(client);
  }

  endClient(client: number): void {
    this.#drain(client);
  }

  crashMachine(machine: number, how: MachineCrash): void {
    if (this.#options.choose !== undefined) this.#leaveBeforeTheEnd(machine, this.#options.choose);
    this.#cached.crashMachine(machine, how);
  }

  /** Any part of what was on its way may have arrived, as far as one entry does not block another. */
  #leaveBeforeTheEnd(machine: number, choose: Choose): void {
    for (const [client, buffer] of this.#cached.buffers) {
      while (buffer.machine === machine && buffer.entries.length > 0) {
        const leavers = buffer.leavers();
        const choice = choose(leavers.length + 1);
        if (choice === 0) break;
        this.#cached.leave(client, leavers[choice - 1]!);
      }
    }
  }

  /** Caches are empty after it (rule 7): bytes that a test then writes are seen by everybody, and a snapshot is small. */
  settle(): void {
    for (const client of this.#cached.buffers.keys()) this.#drain(client);
    const lines = [...this.#cached.caches].flatMap(([machine, cache]) => cache.resident.map((entry) => ({ machine, entry })));
    // On a device that is not coherent, whose line arrives last is a matter of chance.
    for (let left = lines.length; left > 0; left--) {
      const drawn = this.#below(left);
      const { machine, entry } = lines[drawn]!;
      this.#cached.evict(machine, entry);
      lines[drawn] = lines[left - 1]!;
    }
    this.#device.decideAll();
  }

  expose(address: number, sizeBytes: number): void {
    this.#changed.expose(address, sizeBytes);
  }

  snapshot(): Snapshot {
    return {
      bytes: this.#plain.snapshot(),
      cached: this.#cached.state(),
      device: this.#device.state(),
      random: this.#random,
      drainChance: this.#drainChance,
      cacheChance: this.#cacheChance,
      recent: this.#recent.slice(),
    };
  }

  restore(snapshot: unknown): void {
    const { bytes, cached, device, random, drainChance, cacheChance, recent } = snapshot as Snapshot;
    this.#plain.restore(bytes);
    this.#cached.become(cached);
    this.#device.become(device);
    this.#random = random;
    this.#drainChance = drainChance;
    this.#cacheChance = cacheChance;
    this.#recent.set(recent);
  }
}
