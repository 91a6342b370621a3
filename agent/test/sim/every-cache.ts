/**
 * Every schedule of small programs over write-back caches without coherence: besides whose turn it is, every moment at which an entry leaves a
 * store buffer, a dirty line is written back, and a line that somebody reads is fetched anew. A schedule that comes to a state in which an earlier
 * one has been is cut off there.
 *
 * What is not tried, because nobody can tell it apart, as long as a line has one writing machine (which is checked) and a machine one client: when a
 * clean line of its writer comes and goes; when a store enters a clean line of its own cache; when a fence or a flush without effect
 * leaves its buffer; the order of what one client does to its own buffer and cache against what another does to its own.
 */
import type { CachedMemory } from './memory/cached-memory.ts';
import { wordsPerLine } from './memory/device.ts';
import { buffered } from './memory/store-buffer.ts';
import type { WriteBackMemory } from './memory/write-back.ts';
import { isAtomic, isFlush, isWrite, kinds } from './memory-profile.ts';
import { nameOfSite, type SimulatedClient, type World } from './simulator.ts';
import { StateHash } from './state-hash.ts';

const decisionLimit = 100_000;

export interface CacheExploration {
  /** Of the first schedule in which there were any, with all its steps as last sentence. */
  readonly problems: readonly string[];
  readonly schedules: number;
  readonly states: number;
  readonly ends: number;
}

export interface CacheLimits {
  readonly schedules?: number;
  /** False: every schedule is run to its end. For the test of this search. */
  readonly comparesStates?: boolean;
}

/** As `explore` of every-schedule.ts; the memory is a WriteBackMemory in which nothing happens by itself. */
export function exploreCaches(
  prepare: () => World,
  start: (world: World) => void,
  check: (world: World) => readonly string[],
  { schedules: limit = 1_000_000, comparesStates = true }: CacheLimits = {},
): CacheExploration {
  const search = new CacheSearch(prepare, start, comparesStates);
  for (let schedules = 1; ; schedules++) {
    if (schedules > limit) throw new Error(`there are more than ${limit} schedules, ${search.states} states so far`);
    const end = search.run();
    if (end === 'learnt') continue;
    const problems = end === undefined ? [] : check(end);
    const told = { schedules, states: search.states, ends: search.ends };
    if (problems.length > 0) return { problems: [...problems, search.explain()], ...told };
    if (!search.goOn()) return { problems: [], ...told };
  }
}

interface Option {
  readonly name: string;
  readonly act: () => void;
}

/** Bits of the clients that touch a line. */
interface Users {
  readers: number;
  writers: number;
}

class CacheSearch {
  readonly #prepare: () => World;
  readonly #start: (world: World) => void;
  readonly #comparesStates: boolean;
  readonly #seen = new Set<number>();
  readonly #hash = new StateHash();
  readonly #decisions: { readonly options: number; taken: number }[] = [];
  #decided = 0;
  ends = 0;
  /** Lines, as addresses / 64, that one client writes and another touches: learnt on the way, and then everything is run again. */
  readonly #shared = new Map<number, Users>();
  #touched = new Map<number, Users>();
  #steps: string[] | undefined;

  constructor(prepare: () => World, start: (world: World) => void, comparesStates: boolean) {
    this.#prepare = prepare;
    this.#start = start;
    this.#comparesStates = comparesStates;
  }

  get states(): number {
    return this.#seen.size;
  }

  run(): World | 'learnt' | undefined {
    const world = this.#prepare();
    const memory = world.memory as WriteBackMemory;
    memory.isHashing = true;
    try {
      const isNew = this.#follow(world, memory);
      if (this.#learn()) return 'learnt';
      if (!isNew) return undefined;
      this.ends++;
      return world;
    } catch (error) {
      if (error instanceof Error) error.message = `${error.message}\n${this.explain()}`;
      throw error;
    } finally {
      world.mayRunOn = undefined;
      memory.isHashing = false;
    }
  }

  #follow(world: World, memory: WriteBackMemory): boolean {
    this.#decided = 0;
    this.#touched = new Map();
    world.mayRunOn = (client, what, address) => this.#mayRunOn(memory, client, what, address);
    this.#start(world);
    for (;;) {
      const options = this.#optionsOf(world, memory);
      if (options.length === 0) return this.#isNewState(world, memory);
      let taken = 0;
      if (options.length > 1) {
        if (this.#decided === this.#decisions.length) {
          if (!this.#isNewState(world, memory)) return false;
          this.#decisions.push({ options: options.length, taken: 0 });
        }
        if (this.#decided === decisionLimit) throw new Error(`the programs did not end within ${decisionLimit} decisions`);
        taken = this.#decisions[this.#decided++]!.taken;
      }
      this.#steps?.push(options[taken]!.name);
      options[taken]!.act();
    }
  }

  goOn(): boolean {
    const decisions = this.#decisions;
    while (decisions.length > 0 && decisions.at(-1)!.taken + 1 === decisions.at(-1)!.options) decisions.pop();
    if (decisions.length === 0) return false;
    decisions.at(-1)!.taken++;
    return true;
  }

  // -- what can happen next ---------------------------------------------------------------------------------------------------

  /** Everything that only its own buffer and cache see; what needs an empty buffer waits until it is. */
  #mayRunOn({ cached, isCovered }: WriteBackMemory, client: SimulatedClient, what: number, address: number): boolean {
    if (drains(what)) {
      this.#leaveUnseen(cached, client);
      if (cached.bufferOf(client.index, client.machine).entries.length > 0) return false;
    }
    if (isFlush(what)) return true;
    this.#touch(address >> 6, client.index, isWrite(what));
    if (!this.#shared.has(address >> 6)) return true;
    if (!isCovered(address)) return false;
    if ((what & 15) === kinds.storeThrough) return true;
    // What a store merges into a dirty line could have been written back before it.
    const isDirty = cached.cacheOf(client.machine).get(address >> 6)?.isDirty === true;
    return (what & 15) === kinds.store && !(isAtomic(what) && isDirty);
  }

  #optionsOf(world: World, memory: WriteBackMemory): Option[] {
    const { cached } = memory;
    const options: Option[] = [];
    for (const client of world.clients) this.#leaveUnseen(cached, client);
    for (const client of world.clients) {
      if (!client.isRunning) continue;
      const what = client.pendingWhat;
      const step = { name: `${client.index}: ${kindNames[what & 15]}`, act: () => client.step() };
      if (drains(what) && cached.bufferOf(client.index, client.machine).entries.length > 0) continue;
      // A fence that had to wait, and has: nobody sees whether others go first.
      if (isFlush(what)) return [step];
      options.push(step);
    }
    for (const client of world.clients) options.push(...this.#leavesOf(cached, client), ...this.#linesOf(memory, client));
    return options;
  }

  /** Entries of a store buffer whose leaving somebody may notice. */
  #leavesOf(cached: CachedMemory, { index, machine }: SimulatedClient): Option[] {
    const buffer = cached.bufferOf(index, machine);
    return buffer
      .leavers()
      .filter((place) => buffer.entries[place]!.kind !== buffered.clwb)
      .map((place) => ({ name: `${index}: entry ${place} leaves`, act: () => cached.leave(index, place) }));
  }

  /** Rule 7, of shared lines: what was written goes back, what is read comes anew. */
  #linesOf({ cached, device }: WriteBackMemory, { index, machine, isRunning }: SimulatedClient): Option[] {
    const options: Option[] = [];
    const cache = cached.cacheOf(machine);
    for (const [line, { readers, writers }] of this.#shared) {
      const entry = cache.get(line);
      if (entry?.isDirty === true) {
        options.push({ name: `${index}: line ${line} is written back`, act: () => cached.writeBack(machine, entry) });
      } else if (isRunning && (writers & (1 << index)) === 0 && (readers & (1 << index)) !== 0) {
        if (entry?.words.every((word, place) => word === device[line * wordsPerLine + place]) === true) continue;
        const fetch = (): void => {
          if (entry !== undefined) cached.evict(machine, entry);
          cached.prefetch(machine, line);
        };
        options.push({ name: `${index}: line ${line} is fetched`, act: fetch });
      }
    }
    return options;
  }

  /** Lets go what leaves its buffer without anybody's notice. */
  #leaveUnseen(cached: CachedMemory, { index, machine }: SimulatedClient): void {
    const buffer = cached.bufferOf(index, machine);
    for (let place = 0; place < buffer.entries.length; ) {
      const unseen = buffer.leavers().find((each) => this.#isUnseen(cached, machine, buffer.entries[each]!));
      if (unseen === undefined) return;
      cached.leave(index, unseen);
      place = 0;
    }
  }

  #isUnseen(cached: CachedMemory, machine: number, { kind, index }: { readonly kind: number; readonly index: number }): boolean {
    if (kind === buffered.sfence || !this.#shared.has(index >> 4)) return true;
    const line = cached.cacheOf(machine).get(index >> 4);
    if (kind === buffered.store || kind === buffered.clwb) return line?.isDirty !== true;
    return kind !== buffered.ntstore && line === undefined;
  }

  // -- states -------------------------------------------------------------------------------------------------------------------

  #isNewState(world: World, memory: WriteBackMemory): boolean {
    if (!this.#comparesStates) return true;
    const hash = this.#hash;
    hash.clear();
    const lines = [...this.#touched.keys()].sort((a, b) => a - b);
    memory.addTo(hash, lines);
    for (const line of lines) {
      const { readers, writers } = this.#touched.get(line)!;
      hash.add(line);
      hash.add(readers * 256 + writers);
    }
    for (const client of world.clients) client.addTo(hash);
    const before = this.#seen.size;
    this.#seen.add(hash.value());
    return this.#seen.size > before;
  }

  // -- lines that are shared ------------------------------------------------------------------------------------------------------

  #touch(line: number, client: number, writes: boolean): void {
    let users = this.#touched.get(line);
    if (users === undefined) {
      users = { readers: 0, writers: 0 };
      this.#touched.set(line, users);
    }
    if (writes) users.writers |= 1 << client;
    else users.readers |= 1 << client;
  }

  /** True when a line turned out to be shared, or shared in another way: then everything is to be run again. */
  #learn(): boolean {
    let hasLearnt = false;
    for (const [line, { readers, writers }] of this.#touched) {
      const users = readers | writers;
      if (writers === 0 || (users & (users - 1)) === 0) continue;
      const known = this.#shared.get(line) ?? { readers: 0, writers: 0 };
      if ((known.readers | readers) === known.readers && (known.writers | writers) === known.writers) continue;
      const all = { readers: known.readers | readers, writers: known.writers | writers };
      if ((all.writers & (all.writers - 1)) !== 0)
        throw new Error(`line ${line} has more than one writer: not all would be tried`);
      this.#shared.set(line, all);
      hasLearnt = true;
    }
    if (!hasLearnt) return false;
    this.#seen.clear();
    this.#decisions.length = 0;
    this.ends = 0;
    return true;
  }

  /** Runs the schedule again, and says what was done in it. */
  explain(): string {
    const steps: string[] = [];
    this.#decisions.length = this.#decided;
    this.#steps = steps;
    try {
      const world = this.#prepare();
      world.onAccess = ({ index }, what, _address, site) =>
        steps.push(`  ${index}: ${kindNames[what & 15]} at ${nameOfSite(site)}`);
      this.#follow(world, world.memory as WriteBackMemory);
    } catch {
      // It ends as it ended the first time.
    }
    this.#steps = undefined;
    return `in the schedule\n${steps.join('\n')}`;
  }
}

const kindNames = Object.keys(kinds);

/** Rule 4. */
function drains(what: number): boolean {
  const kind = what & 15;
  return kind === kinds.fullFence || (isWrite(what) && kind !== kinds.storeThrough && (kind !== kinds.store || isAtomic(what)));
}
