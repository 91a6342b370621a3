/**
 * Litmus programs, and all that can become of them: every order of their instructions, of entries leaving store buffers and of lines
 * coming and going, by a search over states. Programs are written as they are in papers:
 *
 *     x=1; f=1          stores                       r=x          load into a register
 *     nt x=1            non-temporal store           r=cas x 0 1  compare-and-swap; r is what was there
 *     xchg x=1          store by a locked exchange   crash 1      power-off of machine 1
 *     clflush x, clflushopt x, clwb x                kill 0       SIGKILL of the first client
 *     sfence, mfence, lfence                         after 0      waits, outside of memory, until the first client is through, or
 *                                                                 dead: then its stores have arrived, as of a process whose end was seen
 *
 * x, y, z and f lie in lines of their own; x2 is the second word of x's line. A word has 8 bytes; values are small numbers.
 */
import { type MachineCrash, MemoryFault } from '../memory-profile.ts';
import { CachedMemory, type CachedMemoryState, type DeviceProfile, profileNamed } from './cached-memory.ts';
import { Device, type DeviceState, wordsPerLine } from './device.ts';
import { buffered } from './store-buffer.ts';

export interface LitmusThread {
  readonly machine: number;
  readonly program: string;
}

export interface LitmusTest {
  readonly profile: DeviceProfile['name'];
  readonly threads: readonly LitmusThread[];
  readonly crash?: MachineCrash;
  /** Versions of a dirty line that a power-off decides about when somebody looks (rule 10), beside all that can happen before. */
  readonly versionLimit?: number;
  /** Dirty lines stay where they are unless an instruction moves them. */
  readonly keepsDirtyLines?: boolean;
}

/** Everything that can come out. */
export interface LitmusOutcomes {
  /** Values of the registers, as `r=1 s=0`, in the order of the alphabet; `r=fault` where a load was answered with an error. */
  readonly registers: ReadonlySet<string>;
  /** The same with what the device holds once all has arrived, as `r=1 | x=1 x2=0`. */
  readonly final: ReadonlySet<string>;
  /** What the profile says about what was asked of it. */
  readonly problems: ReadonlySet<string>;
  readonly states: number;
}

const lineNames = ['x', 'y', 'z', 'f'];
const stateLimit = 2_000_000;

interface Instruction {
  readonly text: string;
  readonly kind:
    | 'load'
    | 'store'
    | 'ntstore'
    | 'xchg'
    | 'cas'
    | 'flush'
    | 'sfence'
    | 'mfence'
    | 'lfence'
    | 'crash'
    | 'kill'
    | 'after';
  readonly index: number;
  readonly register: string;
  readonly value: number;
  readonly expected: number;
  readonly flush: 2 | 3 | 4;
}

function indexOf(place: string): number {
  const line = lineNames.indexOf(place[0]!);
  if (line < 0) throw new Error(`there is no ${place}`);
  return line * wordsPerLine + (place.length > 1 ? (Number(place.slice(1)) - 1) * 2 : 0);
}

const flushes: Readonly<Record<string, 2 | 3 | 4>> = {
  clflush: buffered.clflush,
  clflushopt: buffered.clflushopt,
  clwb: buffered.clwb,
};

function parse(text: string): Instruction {
  const none = { text, index: 0, register: '', value: 0, expected: 0, flush: buffered.clwb };
  const cas = /^(\w+)=cas (\w+) (\d+) (\d+)$/.exec(text);
  if (cas !== null) {
    return { ...none, kind: 'cas', register: cas[1]!, index: indexOf(cas[2]!), expected: Number(cas[3]), value: Number(cas[4]) };
  }
  const store = /^(nt |xchg )?(\w+)=(\d+)$/.exec(text);
  if (store !== null) {
    const kind = store[1] === 'nt ' ? 'ntstore' : store[1] === 'xchg ' ? 'xchg' : 'store';
    return { ...none, kind, index: indexOf(store[2]!), value: Number(store[3]) };
  }
  const load = /^(\w+)=([a-z]\d?)$/.exec(text);
  if (load !== null) return { ...none, kind: 'load', register: load[1]!, index: indexOf(load[2]!) };
  const [word, argument = ''] = text.split(' ');
  if (word! in flushes) return { ...none, kind: 'flush', index: indexOf(argument), flush: flushes[word!]! };
  if (word === 'sfence' || word === 'mfence' || word === 'lfence') return { ...none, kind: word };
  if (word === 'crash' || word === 'kill' || word === 'after') return { ...none, kind: word, value: Number(argument) };
  throw new Error(`"${text}" is no instruction`);
}

interface State {
  readonly words: Int32Array;
  readonly memory: CachedMemoryState;
  readonly device: DeviceState;
  /** Of each thread the next instruction; past the end when it is through or dead. */
  readonly next: readonly number[];
  readonly isDead: readonly boolean[];
  readonly registers: Readonly<Record<string, number | 'fault'>>;
}

/** Runs all that is possible. */
export function outcomesOf(test: LitmusTest): LitmusOutcomes {
  return new Search(test).run();
}

class Search {
  readonly #test: LitmusTest;
  readonly #programs: readonly (readonly Instruction[])[];
  readonly #machines: readonly number[];
  /** Lines that a program names: others would only multiply states. */
  readonly #lines: readonly number[];
  readonly #device: Device;
  readonly #memory: CachedMemory;
  readonly #seen = new Set<string>();
  readonly #waiting: State[] = [];
  /** What the device is answered when it asks which version a line has, in this step; and how many there were to choose from. */
  #answers: number[] = [];
  #options: number[] = [];
  readonly #registers = new Set<string>();
  readonly #final = new Set<string>();
  readonly #problems = new Set<string>();

  constructor(test: LitmusTest) {
    this.#test = test;
    this.#programs = test.threads.map(({ program }) => program.split(';').map((text) => parse(text.trim())));
    this.#machines = [...new Set(test.threads.map(({ machine }) => machine))];
    const touching = new Set(['load', 'store', 'ntstore', 'xchg', 'cas', 'flush']);
    const named = this.#programs.flat().filter(({ kind }) => touching.has(kind));
    this.#lines = [...new Set(named.map(({ index }) => index >> 4))];
    this.#device = new Device(new Int32Array(lineNames.length * wordsPerLine), (options) => {
      this.#options.push(options);
      return this.#answers[this.#options.length - 1] ?? 0;
    });
    this.#memory = new CachedMemory(this.#device, profileNamed(test.profile), test.versionLimit ?? 0);
  }

  run(): LitmusOutcomes {
    this.#reach({
      words: this.#device.words.slice(),
      memory: this.#memory.state(),
      device: this.#device.state(),
      next: this.#programs.map(() => 0),
      isDead: this.#programs.map(() => false),
      registers: {},
    });
    for (let state = this.#waiting.pop(); state !== undefined; state = this.#waiting.pop()) this.#expand(state);
    return { registers: this.#registers, final: this.#final, problems: this.#problems, states: this.#seen.size };
  }

  #reach(state: State): void {
    const key = keyOf(state);
    if (this.#seen.has(key)) return;
    if (this.#seen.size === stateLimit) throw new Error(`this litmus test has more than ${stateLimit} states`);
    this.#seen.add(key);
    this.#waiting.push(state);
  }

  #expand(state: State): void {
    const threads = this.#programs.keys();
    const isOver = this.#programs.every(
      (program, thread) => state.isDead[thread] === true || state.next[thread] === program.length,
    );
    if (isOver) this.#note(state);
    for (const thread of threads) {
      if (this.#mayRun(state, thread)) this.#after(state, () => this.#execute(state, thread));
    }
    for (const [client, , entries] of state.memory.buffers) {
      if (entries.length === 0) continue;
      this.#enter(state);
      for (const place of this.#memory.buffers.get(client)!.leavers()) {
        this.#after(state, () => {
          this.#memory.leave(client, place);
          return state;
        });
      }
    }
    if (this.#memory.profile.isCached) this.#touchLines(state);
    if (state.device.undecided.size === 0) return;
    this.#after(state, () => {
      this.#device.decideAll();
      return state;
    });
  }

  /** Rule 7. */
  #touchLines(state: State): void {
    for (const machine of this.#machines) {
      for (const line of this.#lines) {
        const entry = state.memory.caches.get(machine)?.get(line);
        if (entry?.isDirty === true && this.#test.keepsDirtyLines === true) continue;
        this.#after(state, () => {
          const present = this.#memory.cacheOf(machine).get(line);
          if (present === undefined) this.#memory.prefetch(machine, line);
          else this.#memory.evict(machine, present);
          return state;
        });
        if (entry?.isDirty !== true) continue;
        this.#after(state, () => {
          this.#memory.writeBack(machine, this.#memory.cacheOf(machine).get(line)!);
          return state;
        });
      }
    }
  }

  #enter(state: State): void {
    this.#device.words.set(state.words);
    this.#device.become(state.device);
    this.#memory.become(state.memory);
  }

  /** Goes where `act` leads from this state; it returns what becomes of the threads. */
  #after(state: State, act: () => Pick<State, 'next' | 'isDead' | 'registers'>): void {
    this.#answers = [];
    for (;;) {
      this.#options = [];
      this.#enter(state);
      const { next, isDead, registers } = act();
      this.#reach({
        words: this.#device.words.slice(),
        memory: this.#memory.state(),
        device: this.#device.state(),
        next,
        isDead,
        registers,
      });
      const answers = this.#options.map((_, place) => this.#answers[place] ?? 0);
      while (answers.length > 0 && answers.at(-1)! + 1 === this.#options[answers.length - 1]) answers.pop();
      if (answers.length === 0) return;
      answers[answers.length - 1]!++;
      this.#answers = answers;
    }
  }

  #note(state: State): void {
    const text = Object.keys(state.registers)
      .sort()
      .map((name) => `${name}=${state.registers[name]}`)
      .join(' ');
    this.#registers.add(text);
    for (const problem of state.memory.problems) this.#problems.add(problem);
    const isSettled =
      state.device.undecided.size === 0 &&
      state.memory.buffers.every(([, , entries]) => entries.length === 0) &&
      [...state.memory.caches.values()].every((cache) => cache.resident.every(({ isDirty }) => !isDirty));
    if (!isSettled) return;
    const places = this.#lines.flatMap((line) => [lineNames[line]!, `${lineNames[line]}2`]);
    this.#final.add(`${text} | ${places.map((place) => `${place}=${state.words[indexOf(place)]}`).join(' ')}`);
  }

  /** Rule 4, and loads of uncached memory: the store buffer empty first. */
  #mayRun(state: State, thread: number): boolean {
    if (state.isDead[thread] === true) return false;
    const instruction = this.#programs[thread]![state.next[thread]!];
    if (instruction === undefined) return false;
    const { kind, value } = instruction;
    const hasEmptyBuffer = (other: number): boolean =>
      state.memory.buffers.every(([client, , entries]) => client !== other || entries.length === 0);
    if (kind === 'after') {
      return state.isDead[value] === true ? hasEmptyBuffer(value) : state.next[value] === this.#programs[value]!.length;
    }
    if (kind === 'kill' || kind === 'crash') return true;
    const drains = kind === 'mfence' || kind === 'xchg' || kind === 'cas' || (kind === 'load' && !this.#memory.profile.isCached);
    return !drains || hasEmptyBuffer(thread);
  }

  #execute(state: State, thread: number): Pick<State, 'next' | 'isDead' | 'registers'> {
    const { kind, index, register, value, expected, flush } = this.#programs[thread]![state.next[thread]!]!;
    const { machine } = this.#test.threads[thread]!;
    const memory = this.#memory;
    const next = state.next.with(thread, state.next[thread]! + 1);
    let { isDead, registers } = state;
    if (kind === 'store') memory.buffer(thread, machine, buffered.store, index, true, value, 0);
    if (kind === 'ntstore') memory.buffer(thread, machine, buffered.ntstore, index, true, value, 0);
    if (kind === 'flush') memory.buffer(thread, machine, flush, index);
    if (kind === 'sfence') memory.buffer(thread, machine, buffered.sfence);
    if (kind === 'xchg') memory.exchange(thread, machine, index, true, value, 0);
    try {
      if (kind === 'load') registers = { ...registers, [register]: memory.load(thread, machine, index, true) };
      if (kind === 'cas') {
        const before = memory.change(thread, machine, index, (low) => (low === expected ? [value, 0] : undefined));
        registers = { ...registers, [register]: before };
      }
    } catch (error) {
      if (!(error instanceof MemoryFault)) throw error;
      registers = { ...registers, [register]: 'fault' };
      isDead = isDead.with(thread, true);
    }
    if (kind === 'kill') isDead = isDead.with(value, true);
    if (kind === 'crash') {
      memory.crashMachine(value, this.#test.crash ?? {});
      isDead = isDead.map((dead, other) => dead || this.#test.threads[other]!.machine === value);
    }
    return { next, isDead, registers };
  }
}

function keyOf({ words, memory, device, next, isDead, registers }: State): string {
  const caches = [...memory.caches]
    .flatMap(([machine, cache]) =>
      cache.resident.map(
        ({ line, words, isDirty, versions }) =>
          `${machine}.${line}${isDirty ? 'D' : 'C'}${brief(words)}${versions.map((each) => `v${brief(each)}`)}`,
      ),
    )
    .sort();
  const buffers = memory.buffers
    .filter(([, , entries]) => entries.length > 0)
    .map(([client, , entries]) => `${client}:${entries.map(({ kind, index, low }) => `${kind}.${index}.${low}`)}`)
    .sort();
  const poisoned = [...device.poisoned].map(([line, each]) => `${line}.${each.join('')}`).sort();
  const undecided = [...device.undecided]
    .map(([line, versions]) => `${line}.${versions.map((each) => `${brief(each.words)}${each.isPoisoned}`)}`)
    .sort();
  const values = Object.keys(registers)
    .sort()
    .map((name) => `${name}=${registers[name]}`);
  return [next, isDead.map(Number), values, brief(words), caches, buffers, poisoned, undecided, memory.problems.length].join('|');
}

/** The words that are not 0. */
function brief(words: Int32Array): string {
  let text = '';
  for (const [index, value] of words.entries()) if (value !== 0) text += `${index}=${value},`;
  return text;
}
