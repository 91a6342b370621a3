/**
 * Every schedule of small programs, and every moment at which a client may die in them. A schedule that comes to a state in which an
 * earlier one has been is cut off there, because what follows is the same.
 */
import { CoherentMemory } from './memory/coherent.ts';
import { isFlush, isWrite, kinds } from './memory-profile.ts';
import { nameOfSite, type SimulatedClient, type World } from './simulator.ts';
import { StateHash } from './state-hash.ts';

/** Accesses that need a decision in one schedule, at most: a program that does not end is wrong. */
const decisionLimit = 200_000;

/** A client that may die, once, before any of its accesses. */
export interface CrashChoice {
  /** Its index. */
  readonly client: number;
  /** Starts the programs of those who see the end, and does nothing else: an access of its own would not be a step that others see in any order. */
  readonly onCrash: (world: World) => void;
  /** It may also die when all programs are through, with what it then holds. */
  readonly afterEnd?: boolean;
}

export interface ExplorationLimits {
  /** Schedules that are run, to their end or to a known state; a million without it. */
  readonly schedules?: number;
  readonly crashes?: readonly CrashChoice[];
  /** False: every schedule is run to its end, also when its states are known. For the test of this search. */
  readonly comparesStates?: boolean;
}

export interface Exploration {
  /** Of the first schedule in which there were any, with all its steps as last sentence. Empty when all is well. */
  readonly problems: readonly string[];
  readonly schedules: number;
  /** Different ends. */
  readonly ends: number;
  readonly states: number;
}

/** Makes a world once and goes back to it each time; `reset` puts back what the test itself keeps. */
export function prepared(make: () => World, reset: () => void = () => {}): () => World {
  const world = make();
  const snapshot = world.snapshot();
  return () => {
    reset();
    world.restore(snapshot);
    return world;
  };
}

/** As `explore`, for tests that want to know only what was wrong. */
export function forEverySchedule(
  prepare: () => World,
  start: (world: World) => void,
  check: (world: World) => readonly string[],
  limits: ExplorationLimits = {},
): readonly string[] {
  return explore(prepare, start, check, limits).problems;
}

/**
 * Runs every schedule of what `start` starts in the world that `prepare` makes, with the deaths of `limits.crashes`. Clients change
 * places only before accesses to words that one of them writes and another touches; which words these are is learnt on the way, and
 * the search starts over when a new one is found. Programs and `check` may look at bytes, clients, and what calls were answered, but
 * not at who was answered first: of two ways to one state only one is followed. Where memory is more than its bytes (a store buffer,
 * a cache) states are not compared, and every schedule is run to its end.
 */
export function explore(
  prepare: () => World,
  start: (world: World) => void,
  check: (world: World) => readonly string[],
  { schedules: limit = 1_000_000, crashes = [], comparesStates = true }: ExplorationLimits = {},
): Exploration {
  const search = new Search(prepare, start, crashes, comparesStates);
  for (let schedules = 1; ; schedules++) {
    if (schedules > limit) throw new Error(`there are more than ${limit} schedules`);
    const end = search.run();
    if (end === 'learnt') continue;
    const problems = end === undefined ? [] : check(end);
    if (problems.length > 0)
      return { problems: [...problems, search.explain()], schedules, ends: search.ends, states: search.states };
    if (!search.goOn()) return { problems: [], schedules, ends: search.ends, states: search.states };
  }
}

interface Decision {
  readonly options: number;
  taken: number;
}

class Search {
  readonly #prepare: () => World;
  readonly #start: (world: World) => void;
  readonly #crashes: readonly CrashChoice[];
  readonly #comparesStates: boolean;
  readonly #seen = new Set<number>();
  readonly #hash = new StateHash();
  #decisions: Decision[] = [];
  #decided = 0;
  ends = 0;

  // Of words, by address / 8: bits of the clients that read and write it in this schedule, and whether they were ever in conflict.
  #readers = new Uint32Array(0);
  #writers = new Uint32Array(0);
  #conflicts = new Uint8Array(0);
  #touched: number[] = [];
  /**
   * Of who touched what. It is part of a state, so that a schedule which is cut off has no conflict with what follows that the
   * earlier one did not have.
   */
  #touchHash = 0;
  /** By client, the clients that ever ran beside it: only with those can it conflict. */
  readonly #beside = new Uint32Array(32);
  /** Bits of the crash choices that were made in this schedule. */
  #used = 0;
  /** Told of deaths while a schedule is explained. */
  #steps: string[] | undefined;

  constructor(prepare: () => World, start: (world: World) => void, crashes: readonly CrashChoice[], comparesStates: boolean) {
    this.#comparesStates = comparesStates;
    this.#prepare = prepare;
    this.#start = start;
    this.#crashes = crashes;
  }

  get states(): number {
    return this.#seen.size;
  }

  /** Follows the decisions taken, then takes the first option each time. The world at its end; undefined when that end is known. */
  run(): World | 'learnt' | undefined {
    const world = this.#prepare();
    const memory = this.#comparesStates && world.memory instanceof CoherentMemory ? world.memory : undefined;
    if (memory !== undefined) memory.isHashing = true;
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
      if (memory !== undefined) memory.isHashing = false;
    }
  }

  #follow(world: World, memory: CoherentMemory | undefined): boolean {
    this.#watch(world);
    this.#used = 0;
    this.#decided = 0;
    this.#start(world);
    this.#noteWhoRuns(world);
    for (;;) {
      const options = this.#optionsOf(world);
      if (options.length === 0) return memory === undefined || this.#isNewState(world, memory);
      if (options.length === 1) {
        options[0]!();
        continue;
      }
      if (this.#decided === this.#decisions.length) {
        if (memory !== undefined && !this.#isNewState(world, memory)) return false;
        this.#decisions.push({ options: options.length, taken: 0 });
      }
      if (this.#decided === decisionLimit) throw new Error(`the programs did not end within ${decisionLimit} accesses`);
      options[this.#decisions[this.#decided++]!.taken]!();
    }
  }

  /** To the next schedule; false when there is none. */
  goOn(): boolean {
    const decisions = this.#decisions;
    while (decisions.length > 0 && decisions.at(-1)!.taken + 1 === decisions.at(-1)!.options) decisions.pop();
    if (decisions.length === 0) return false;
    decisions.at(-1)!.taken++;
    return true;
  }

  // -- what can happen next ---------------------------------------------------------------------------------------------------

  #optionsOf(world: World): (() => void)[] {
    const options: (() => void)[] = [];
    for (const client of world.clients) {
      if (!client.isRunning) continue;
      // An access that concerns nobody else waits only because its client may die before it: no need to let others go first.
      if (this.#conflicts[client.pendingAddress >> 3] === 0) return this.#stepOrDeath(world, client);
      options.push(() => client.step());
    }
    for (const client of world.clients) {
      if (!client.isRunning && !(options.length === 0 && client.hasStarted && !client.isDead)) continue;
      for (const [place, choice] of this.#crashes.entries()) {
        if (choice.client !== client.index || (this.#used & (1 << place)) !== 0) continue;
        if (client.isRunning || choice.afterEnd === true) options.push(() => this.#crash(world, client, place));
      }
    }
    // All are through, but somebody may still die: not dying is an option as well.
    if (options.length > 0 && !world.clients.some((client) => client.isRunning)) options.unshift(() => this.#endNow());
    return options;
  }

  #stepOrDeath(world: World, client: SimulatedClient): (() => void)[] {
    const options = [() => client.step()];
    for (const [place, choice] of this.#crashes.entries()) {
      if (choice.client === client.index && (this.#used & (1 << place)) === 0) {
        options.push(() => this.#crash(world, client, place));
      }
    }
    return options;
  }

  #crash(world: World, client: SimulatedClient, place: number): void {
    this.#used |= 1 << place;
    this.#steps?.push(`${client.index}: dies`);
    client.kill();
    this.#crashes[place]!.onCrash(world);
    this.#noteWhoRuns(world);
  }

  /** Nobody dies any more. */
  #endNow(): void {
    this.#used = -1;
  }

  // -- states -------------------------------------------------------------------------------------------------------------------

  #isNewState(world: World, memory: CoherentMemory): boolean {
    const hash = this.#hash;
    hash.clear();
    hash.add(memory.hashLow);
    hash.add(memory.hashHigh);
    hash.add(this.#used);
    hash.add(this.#touchHash);
    for (const client of world.clients) client.addTo(hash);
    const before = this.#seen.size;
    this.#seen.add(hash.value());
    return this.#seen.size > before;
  }

  // -- conflicts ------------------------------------------------------------------------------------------------------------------

  #watch(world: World): void {
    const words = (world.memory.bytes.length >> 3) + 1;
    if (this.#readers.length < words) {
      this.#touched = [];
      this.#readers = new Uint32Array(words);
      this.#writers = new Uint32Array(words);
      this.#conflicts = new Uint8Array(words);
    }
    world.mayRunOn = (client, what, address) => {
      if (isFlush(what)) return true;
      const word = address >> 3;
      const bit = 1 << client.index;
      const accessors = isWrite(what) ? this.#writers : this.#readers;
      if ((accessors[word]! & bit) === 0) {
        if (this.#readers[word] === 0 && this.#writers[word] === 0) this.#touched.push(word);
        accessors[word]! |= bit;
        this.#touchHash ^= touchHash(word, client.index, isWrite(what));
      }
      if (this.#conflicts[word] === 1) return false;
      // Dying before a load that nobody can disturb is dying before what comes next.
      return !(isWrite(what) && this.#mayDie(client.index));
    };
  }

  #mayDie(client: number): boolean {
    for (let place = 0; place < this.#crashes.length; place++) {
      if (this.#crashes[place]!.client === client && (this.#used & (1 << place)) === 0) return true;
    }
    return false;
  }

  /** Whoever was started and is not dead can, in some schedule, run beside whoever is started now. */
  #noteWhoRuns(world: World): void {
    let running = 0;
    for (const client of world.clients) if (client.hasStarted && !client.isDead) running |= 1 << client.index;
    for (const { index, hasStarted, isDead } of world.clients) {
      if (!hasStarted || isDead) continue;
      this.#beside[index]! |= running;
    }
  }

  /** True when a word turned out to be in conflict: then everything is to be run again. */
  #learn(): boolean {
    let hasLearnt = false;
    for (const word of this.#touched) {
      if (this.#conflicts[word] === 1 || !this.#isInConflict(word)) continue;
      this.#conflicts[word] = 1;
      hasLearnt = true;
    }
    this.#forgetTouches();
    if (!hasLearnt) return false;
    this.#seen.clear();
    this.#decisions = [];
    this.ends = 0;
    return true;
  }

  #forgetTouches(): void {
    for (const word of this.#touched) {
      this.#readers[word] = 0;
      this.#writers[word] = 0;
    }
    this.#touched = [];
    this.#touchHash = 0;
  }

  #isInConflict(word: number): boolean {
    const writers = this.#writers[word]!;
    const all = writers | this.#readers[word]!;
    for (let client = 0; client < 32; client++) {
      if ((writers & (1 << client)) !== 0 && (all & this.#beside[client]! & ~(1 << client)) !== 0) return true;
    }
    return false;
  }

  // -- what was found ---------------------------------------------------------------------------------------------------------------

  /** Runs the schedule again, and says what was done in it. */
  explain(): string {
    const steps: string[] = [];
    const names = Object.keys(kinds);
    this.#decisions = this.#decisions.slice(0, this.#decided);
    this.#steps = steps;
    try {
      const world = this.#prepare();
      world.onAccess = ({ index }, what, _address, site) => steps.push(`${index}: ${names[what & 15]} at ${nameOfSite(site)}`);
      this.#follow(world, undefined);
    } catch {
      // It ends as it ended the first time.
    }
    return `in the schedule\n${steps.join('\n')}`;
  }
}

function touchHash(word: number, client: number, isWriter: boolean): number {
  let hash = Math.imul(word ^ Math.imul(client * 2 + (isWriter ? 1 : 0) + 1, 0x9e3779b1), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 15), 0xc2b2ae35);
  return hash ^ (hash >>> 13);
}
