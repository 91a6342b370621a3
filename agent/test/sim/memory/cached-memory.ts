/**
 * The write-back caches of memory-model.md: a store buffer a client, a cache a machine, one device. Here are the rules; when an entry
 * leaves a buffer and when a line comes or goes by itself is the caller's choice: drawn from a seed (write-back.ts), or everything
 * that is possible (litmus.ts).
 */
import type { MachineCrash } from '../memory-profile.ts';
import type { Device } from './device.ts';
import { type CachedLine, MachineCache } from './machine-cache.ts';
import { type Buffered, buffered, type Entry, StoreBuffer } from './store-buffer.ts';

export interface DeviceProfile {
  readonly name: 'COH' | 'NC' | 'NC+NM' | 'UC';
  /** Hardware keeps the machines' caches coherent. */
  readonly isCoherent: boolean;
  readonly isCached: boolean;
  /** Compare-and-swap, and the other fetch-and-change operations, are done by the device. */
  readonly hasNearMemory: boolean;
}

export const deviceProfiles: readonly DeviceProfile[] = [
  { name: 'COH', isCoherent: true, isCached: true, hasNearMemory: false },
  { name: 'NC', isCoherent: false, isCached: true, hasNearMemory: false },
  { name: 'NC+NM', isCoherent: false, isCached: true, hasNearMemory: true },
  { name: 'UC', isCoherent: false, isCached: false, hasNearMemory: false },
];

export function profileNamed(name: DeviceProfile['name']): DeviceProfile {
  return deviceProfiles.find((profile) => profile.name === name)!;
}

/** What one client made the device do; a miss that finds the line dirty in another machine is a write-back and a miss. */
export interface DeviceAccesses {
  misses: number;
  /** Misses that nobody waits for. */
  prefetches: number;
  writeBacks: number;
  /** Loads, stores and compare-and-swaps that went past the cache. */
  direct: number;
}

export interface CachedMemoryState {
  readonly caches: ReadonlyMap<number, MachineCache>;
  readonly buffers: readonly (readonly [client: number, machine: number, entries: readonly Entry[]])[];
  readonly problems: readonly string[];
}

/** A word as it was, and as it shall be. */
export type Change = (low: number, high: number) => readonly [low: number, high: number] | undefined;

const nobody = -1;

export class CachedMemory {
  readonly device: Device;
  readonly profile: DeviceProfile;
  /** The upper half of the last load or change. */
  upper = 0;
  /** What a device of this profile cannot do right, and was asked for. */
  problems: string[] = [];
  /** By client. */
  readonly accesses = new Map<number, DeviceAccesses>();
  readonly buffers = new Map<number, StoreBuffer>();
  caches = new Map<number, MachineCache>();
  /** Versions of a dirty line that are kept; 0 where every possible write-back is made to happen instead. */
  readonly #versionLimit: number;
  /** Which version to forget when there are more. */
  readonly #forget: (options: number) => number;

  constructor(device: Device, profile: DeviceProfile, versionLimit = 0, forget: (options: number) => number = () => 0) {
    this.device = device;
    this.profile = profile;
    this.#versionLimit = versionLimit;
    this.#forget = forget;
  }

  cacheOf(machine: number): MachineCache {
    let cache = this.caches.get(machine);
    if (cache === undefined) {
      cache = new MachineCache();
      this.caches.set(machine, cache);
    }
    return cache;
  }

  bufferOf(client: number, machine: number): StoreBuffer {
    let buffer = this.buffers.get(client);
    if (buffer === undefined || buffer.machine !== machine) {
      buffer = new StoreBuffer(machine);
      this.buffers.set(client, buffer);
    }
    return buffer;
  }

  // -- instructions ----------------------------------------------------------------------------------------------------------

  /** Rule 1. On an uncached device the caller has emptied the buffer. */
  load(client: number, machine: number, index: number, isWide: boolean): number {
    const buffer = this.bufferOf(client, machine);
    const isEmpty = buffer.entries.length === 0;
    const low = isEmpty ? undefined : buffer.newest(index);
    const high = isEmpty || !isWide ? undefined : buffer.newest(index + 1);
    if (low !== undefined && (!isWide || high !== undefined)) {
      this.upper = high ?? 0;
      return low;
    }
    const words = this.#readable(client, machine, index >> 4);
    const first = this.profile.isCached ? index & 15 : index;
    this.upper = isWide ? (high ?? words[first + 1]!) : 0;
    return low ?? words[first]!;
  }

  #readable(client: number, machine: number, line: number): Int32Array {
    if (this.profile.isCached) {
      const { words } = this.#fetch(client, machine, line);
      this.device.refusePoison(line);
      return words;
    }
    this.#count(client, 'direct');
    this.device.decide(line);
    this.device.refusePoison(line);
    return this.device.words;
  }

  /** Rule 2: everything but loads waits in the buffer first. */
  buffer(client: number, machine: number, kind: Buffered, index = 0, isWide = false, low = 0, high = 0): void {
    this.bufferOf(client, machine).push({ kind, index, isWide, low, high });
  }

  /** A store that the caller has emptied the buffer for: an xchg whose result nobody reads (rule 4). */
  exchange(client: number, machine: number, index: number, isWide: boolean, low: number, high: number): void {
    this.#store(client, machine, index, isWide, low, high);
  }

  /** Rule 8: a locked read-modify-write of 8 bytes. The caller has emptied the buffer. Returns the lower half of what was there. */
  change(client: number, machine: number, index: number, change: Change): number {
    const line = index >> 4;
    if (!this.profile.isCached) return this.#changeByHalves(client, machine, index, change);
    if (this.profile.hasNearMemory) return this.#changeNearMemory(client, index, change);
    if (this.profile.isCoherent) this.#takeFromOthers(client, machine, line);
    const entry = this.#fetch(client, machine, line);
    this.device.refusePoison(line);
    const before = entry.words[index & 15]!;
    const upper = entry.words[(index & 15) + 1]!;
    // Compare-and-swap writes the line even when it compared unequal.
    const [low, high] = change(before, upper) ?? [before, upper];
    this.#write(entry, index, true, low, high);
    this.upper = upper;
    return before;
  }

  #changeByHalves(client: number, machine: number, index: number, change: Change): number {
    this.#problem(`a read-modify-write at ${index * 4} on an uncached device is a load and a store`);
    const before = this.load(client, machine, index, true);
    const after = change(before, this.upper);
    if (after !== undefined) this.buffer(client, machine, buffered.store, index, true, after[0], after[1]);
    return before;
  }

  #changeNearMemory(client: number, index: number, change: Change): number {
    const line = index >> 4;
    for (const [machine, cache] of this.caches) {
      if (cache.get(line)?.isDirty === true) {
        this.#problem(`a near-memory change at ${index * 4} while the line is dirty in machine ${machine}`);
      }
    }
    this.#count(client, 'direct');
    this.device.decide(line);
    this.device.refusePoison(line);
    const before = this.device.words[index]!;
    const upper = this.device.words[index + 1]!;
    const after = change(before, upper);
    if (after !== undefined) this.#writeDevice(nobody, index, true, after[0], after[1]);
    this.upper = upper;
    return before;
  }

  #problem(text: string): void {
    if (!this.problems.includes(text)) this.problems.push(text);
  }

  // -- what happens by itself -------------------------------------------------------------------------------------------------

  /** Rules 5 and 6: the entry takes effect. */
  leave(client: number, place: number): void {
    const buffer = this.buffers.get(client)!;
    const { kind, index, isWide, low, high } = buffer.take(place);
    const { machine } = buffer;
    if (kind === buffered.sfence) return;
    if (kind === buffered.store) {
      this.#store(client, machine, index, isWide, low, high);
      return;
    }
    if (!this.profile.isCached) {
      if (kind === buffered.ntstore) this.#writeDevice(client, index, isWide, low, high);
      return;
    }
    const line = index >> 4;
    const entry = this.cacheOf(machine).get(line);
    if (entry?.isDirty === true) this.writeBack(machine, entry, client);
    if (kind === buffered.clwb) return;
    if (entry !== undefined) this.cacheOf(machine).drop(entry);
    if (kind !== buffered.ntstore) return;
    if (this.profile.isCoherent) this.#takeFromOthers(client, machine, line);
    this.#writeDevice(client, index, isWide, low, high);
  }

  #store(client: number, machine: number, index: number, isWide: boolean, low: number, high: number): void {
    if (!this.profile.isCached) {
      this.#writeDevice(client, index, isWide, low, high);
      return;
    }
    const line = index >> 4;
    if (this.profile.isCoherent) this.#takeFromOthers(client, machine, line);
    this.#write(this.#fetch(client, machine, line), index, isWide, low, high);
  }

  #write(entry: CachedLine, index: number, isWide: boolean, low: number, high: number): void {
    if (entry.isDirty && this.#versionLimit > 0) {
      if (entry.versions.length === this.#versionLimit) entry.versions.splice(this.#forget(this.#versionLimit), 1);
      entry.versions.push(entry.words.slice());
    }
    entry.isDirty = true;
    entry.words[index & 15] = low;
    this.device.heal(index);
    if (!isWide) return;
    entry.words[(index & 15) + 1] = high;
    this.device.heal(index + 1);
  }

  #writeDevice(client: number, index: number, isWide: boolean, low: number, high: number): void {
    this.#count(client, 'direct');
    this.device.decide(index >> 4);
    this.#settleVersions(index >> 4);
    this.device.writeWord(index, low);
    this.device.heal(index);
    if (!isWide) return;
    this.device.writeWord(index + 1, high);
    this.device.heal(index + 1);
  }

  /** Rule 7: also as what a load, a store or a flush needs. */
  writeBack(machine: number, entry: CachedLine, client = nobody): void {
    this.#count(client, 'writeBacks');
    this.#settleVersions(entry.line, machine);
    this.device.writeLine(entry.line, entry.words);
    entry.isDirty = false;
    entry.versions = [];
  }

  /** Rule 7. */
  evict(machine: number, entry: CachedLine): void {
    if (entry.isDirty) this.writeBack(machine, entry);
    this.cacheOf(machine).drop(entry);
  }

  /** Rule 7; on behalf of a client when that asked for it. */
  prefetch(machine: number, line: number, client = nobody): void {
    if (!this.profile.isCached) return;
    if (this.cacheOf(machine).get(line) === undefined) this.#count(client, 'prefetches');
    this.#fetch(nobody, machine, line);
  }

  #fetch(client: number, machine: number, line: number): CachedLine {
    const cache = this.cacheOf(machine);
    const present = cache.get(line);
    if (present !== undefined) return present;
    this.#count(client, 'misses');
    if (this.profile.isCoherent) {
      for (const [owner, theirs] of this.caches) {
        const entry = theirs.get(line);
        if (owner !== machine && entry?.isDirty === true) this.writeBack(owner, entry, client);
      }
    }
    this.device.decide(line);
    this.#settleVersions(line);
    return cache.fill(line, this.device.words);
  }

  #takeFromOthers(client: number, machine: number, line: number): void {
    for (const [owner, cache] of this.caches) {
      if (owner === machine) continue;
      const entry = cache.get(line);
      if (entry === undefined) continue;
      if (entry.isDirty) this.writeBack(owner, entry, client);
      cache.drop(entry);
    }
  }

  /**
   * Somebody sees, or changes, what the device has of the line. An older version of a dirty copy can have been written back before
   * this moment, but then it was seen, or is overwritten: from now on only the present one can still arrive.
   */
  #settleVersions(line: number, except = nobody): void {
    if (this.profile.isCoherent) return;
    for (const [machine, cache] of this.caches) {
      const entry = cache.get(line);
      if (machine !== except && entry !== undefined && entry.versions.length > 0) entry.versions = [];
    }
  }

  #count(client: number, what: keyof DeviceAccesses): void {
    if (client === nobody) return;
    let accesses = this.accesses.get(client);
    if (accesses === undefined) {
      accesses = { misses: 0, prefetches: 0, writeBacks: 0, direct: 0 };
      this.accesses.set(client, accesses);
    }
    accesses[what]++;
  }

  /** Rule 9, power-off: what is only here is gone, unless it was written back in time. */
  crashMachine(machine: number, { persistsCaches = false, poisonsLostLines = false }: MachineCrash): void {
    for (const [client, buffer] of this.buffers) {
      if (buffer.machine === machine) this.buffers.delete(client);
    }
    const cache = this.cacheOf(machine);
    for (const entry of cache.resident) {
      if (!entry.isDirty) continue;
      if (persistsCaches) this.writeBack(machine, entry);
      else if (this.#versionLimit > 0) this.device.lose(entry.line, [...entry.versions, entry.words.slice()], poisonsLostLines);
      else if (poisonsLostLines) this.device.poison(entry.line);
    }
    this.caches.delete(machine);
  }

  // -- snapshots --------------------------------------------------------------------------------------------------------------

  state(): CachedMemoryState {
    return {
      caches: new Map([...this.caches].map(([machine, cache]) => [machine, cache.copy()])),
      buffers: [...this.buffers].map(([client, { machine, entries }]) => [client, machine, [...entries]]),
      problems: [...this.problems],
    };
  }

  become({ caches, buffers, problems }: CachedMemoryState): void {
    this.caches = new Map([...caches].map(([machine, cache]) => [machine, cache.copy()]));
    this.buffers.clear();
    for (const [client, machine, entries] of buffers) this.bufferOf(client, machine).entries = [...entries];
    this.problems = [...problems];
    this.accesses.clear();
  }
}
