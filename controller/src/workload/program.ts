/** `program`: the user's own program, on every machine: any executable, or a TypeScript module made by `defineWorkload`. */
import type { ExecEnd, ProgramEnd, ProgramMemory, ProgramPhase, ProgramPlace } from '@cxlpod/agent/protocol';
import { z } from 'zod';
import { duration, size } from '../config/quantities.ts';
import { CxlpodError } from '../errors/cxlpod-error.ts';
import type { Machine } from '../provider/provider.ts';
import type { Hand, Post } from '../runs/crew/hand.ts';
import { hireAll } from './heap-crew.ts';
import { type ProgramFile, programFile } from './program-files.ts';
import { pointsInProgram } from './program-points.ts';
import type { Workload, WorkloadContext } from './workload.ts';

const path = z.string().min(1).max(4096);

const parameters = z
  .strictObject({
    name: z.literal('program'),
    /** An executable, or C source, which is compiled; from the folder of the scenario file. */
    exec: path.optional(),
    /** Of the executable. */
    arguments: z.array(z.string().max(4096)).max(64).default([]),
    /** A TypeScript or JavaScript module whose default export `defineWorkload` made. */
    module: path.optional(),
    workersPerMachine: z.number().int().min(1).max(16).default(1),
    /** The part of the pool that the program has for itself. */
    memory: size.default(16 * 1024 ** 2),
    /** What every phase may take; a program that is at work then is killed, and has failed. */
    limit: duration.default(60_000),
    /** Run the executable once before all others, with CXLPOD_PHASE=setup. A module's `setup` runs if it has one. */
    setup: z.boolean().default(false),
    /** And once after all others, with CXLPOD_PHASE=check: exit code 0 says that what it finds is right. */
    check: z.boolean().default(false),
  })
  .refine(({ exec, module }) => (exec === undefined) !== (module === undefined), {
    error: 'must have one of exec and module',
  });

export type ProgramParameters = z.output<typeof parameters>;

/** One process of the program that ended by itself. */
export interface EndedProgram {
  readonly machine: string;
  readonly worker: string;
  readonly attempt: number;
  readonly phase: ProgramPhase;
  /** What went wrong, in a sentence; null: nothing. */
  readonly failure: string | null;
  readonly elapsedNs: number;
  /** Of an executable: the end of what it printed. Of a module: what the phase returned, or `thrown`, a stack. */
  readonly output: unknown;
}

export interface ProgramResult {
  readonly program: string;
  readonly workers: number;
  /** Names that stand in its file; of runs that are older than this, nobody knows. */
  readonly crashPoints?: readonly string[];
  readonly ends: readonly EndedProgram[];
  /** What the program's own check found, as sentences; null when it has none, or never came to it. */
  readonly problems: readonly string[] | null;
}

/** Beside the limit, which the agent keeps. */
const graceMs = 30_000;
const memoryDeadlineMs = 60_000;

export const program = {
  name: 'program',
  sentence: 'A program of your own on every machine, with a part of the pool for itself.',
  parameters,
  needs: { machines: 1, heap: true },
  posts: (wanted: ProgramParameters, machines: readonly string[]) => [
    ...drivers(wanted, machines),
    keeperOf(machines[0]!),
    // The first that lives then.
    ...machines.map(checkerOf),
  ],
  async run(wanted: ProgramParameters, context: WorkloadContext): Promise<ProgramResult> {
    await using file = await programFile(wanted);
    // Awaited here: the file is needed until the end, by machines that boot again.
    return await new ProgramRun(wanted, context, file).run();
  },
} satisfies Workload<ProgramParameters, ProgramResult>;

function drivers({ workersPerMachine }: ProgramParameters, machines: readonly string[]): readonly Post[] {
  return machines.flatMap((machine, index) =>
    Array.from({ length: workersPerMachine }, (_, each) => ({
      machine,
      worker: `program-${index * workersPerMachine + each + 1}`,
    })),
  );
}

function keeperOf(machine: string): Post {
  return { machine, worker: 'keeper' };
}

function checkerOf(machine: string): Post {
  return { machine, worker: 'checker' };
}

class ProgramRun {
  readonly #wanted: ProgramParameters;
  readonly #context: WorkloadContext;
  readonly #file: ProgramFile;
  readonly #ends: EndedProgram[] = [];
  /** By boot of a machine. */
  readonly #uploaded = new Map<string, Promise<void>>();
  #memory: ProgramMemory | null = null;

  constructor(wanted: ProgramParameters, context: WorkloadContext, file: ProgramFile) {
    this.#wanted = wanted;
    this.#context = context;
    this.#file = file;
  }

  async run(): Promise<ProgramResult> {
    const { pod, crew } = this.#context;
    const { exec, module, workersPerMachine, memory: sizeBytes } = this.#wanted;
    this.#context.keep(this.#file.path, this.#file.to);
    await Promise.all(pod.machines.map(({ machine }) => this.#upload(machine)));
    const keeper = await crew.hire(keeperOf(pod.machines[0]!.machine.name));
    this.#memory = (await keeper.task('program-memory', { sizeBytes }, { deadlineMs: memoryDeadlineMs })).memory;
    if (module !== undefined || this.#wanted.setup) {
      this.#context.say('setup');
      await this.#perform(keeper, 'setup', 1);
    }
    const workers = pod.machines.length * workersPerMachine;
    if (this.#ends.every(({ failure }) => failure === null)) await this.#drive(workers);
    const problems = await this.#check();
    return { program: (exec ?? module)!, workers, crashPoints: pointsInProgram(this.#file.path), ends: this.#ends, problems };
  }

  /** Unless it is there: a machine that booted again has lost it. */
  async #upload(machine: Machine): Promise<void> {
    const { path: from, to } = this.#file;
    const boot = this.#context.timeline.clockOf(machine.name);
    const uploaded = this.#uploaded.get(boot) ?? machine.upload([{ from, to, executable: true }]);
    this.#uploaded.set(boot, uploaded);
    await uploaded;
  }

  async #drive(workers: number): Promise<void> {
    const { pod, crew } = this.#context;
    const machines = pod.machines.map(({ machine }) => machine.name);
    const hands = await hireAll(this.#context, drivers(this.#wanted, machines));
    this.#context.say(`${workers} workers run ${this.#file.to}`);
    const employments = hands.map((hand, index) => crew.employ(hand, (each) => this.#perform(each, 'drive', index + 1)));
    for (const employment of employments) await employment.results();
    await this.#context.endFaults();
    // Of those who were started again for one that died.
    for (const employment of employments) await employment.results();
  }

  /** On a machine that lives. */
  async #check(): Promise<readonly string[] | null> {
    const { pod, crew } = this.#context;
    let failure: unknown;
    for (const { machine } of pod.machines) {
      if (!(await machine.isAlive())) continue;
      try {
        const checker = await crew.hire(checkerOf(machine.name));
        const problems = await this.#problems(checker);
        await checker.task('program-memory', { sizeBytes: 0 }, { deadlineMs: memoryDeadlineMs });
        return problems;
      } catch (error) {
        failure = error;
      }
    }
    throw failure;
  }

  async #problems(checker: Hand): Promise<readonly string[] | null> {
    if (this.#wanted.module === undefined && !this.#wanted.check) return null;
    this.#context.say('check');
    const { failure, output } = await this.#perform(checker, 'check', 1);
    if (failure !== null) return [failure, ...(typeof output === 'string' && output !== '' ? [output.trim()] : [])];
    return Array.isArray(output) ? output.map(String) : [];
  }

  async #perform(hand: Hand, phase: ProgramPhase, worker: number): Promise<EndedProgram> {
    const { pod, seed } = this.#context;
    const { exec, limit, workersPerMachine } = this.#wanted;
    const { machine } = pod.machine(hand.post.machine);
    await this.#upload(machine);
    const place = {
      phase,
      machine: machine.number,
      machines: pod.machines.length,
      worker,
      workers: pod.machines.length * workersPerMachine,
      attempt: hand.attempt,
      seed,
      memory: this.#memory!,
    };
    const of = { machine: machine.name, worker: hand.post.worker, attempt: hand.attempt, phase };
    const options = { deadlineMs: limit + graceMs, label: phase };
    let end: EndedProgram;
    if (exec === undefined) {
      end = { ...of, ...(await this.#performModule(hand, place)) };
    } else {
      const argv = [`{agent}/${this.#file.to}`, ...this.#wanted.arguments];
      const ended = await hand.task('exec', { argv, place, limitMs: limit }, options);
      end = { ...of, failure: failureOf(ended, limit), elapsedNs: ended.elapsedNs, output: ended.output };
    }
    this.#ends.push(end);
    return end;
  }

  async #performModule(hand: Hand, place: ProgramPlace): Promise<Pick<EndedProgram, 'failure' | 'elapsedNs' | 'output'>> {
    const { limit } = this.#wanted;
    const file = this.#file.to.slice('program/'.length);
    const beganMs = performance.now();
    try {
      const options = { deadlineMs: limit, label: place.phase };
      const { value, elapsedNs }: ProgramEnd = await hand.task('program', { file, place }, options);
      return { failure: null, elapsedNs, output: value };
    } catch (error) {
      const failure = failureOfModule(error, limit);
      if (failure === null) throw error;
      return {
        failure,
        elapsedNs: Math.round((performance.now() - beganMs) * 1e6),
        output: { thrown: becauseOf(error as CxlpodError).split('\n') },
      };
    }
  }
}

/** Null for what is no fault of the program: its worker died, its agent does not answer. */
function failureOfModule(error: unknown, limitMs: number): string | null {
  if (!(error instanceof CxlpodError)) return null;
  if (error.code === 'PROGRAM_FAILED') return `threw ${becauseOf(error).split('\n', 1)[0]}`;
  return error.code === 'DEADLINE' ? `did not end within ${limitMs / 1000} s` : null;
}

function becauseOf({ cause }: Pick<Error, 'cause'>): string {
  return cause instanceof Error ? cause.message : String(cause ?? '');
}

function failureOf({ exitCode, signal, overdue }: ExecEnd, limitMs: number): string | null {
  if (overdue) return `did not end within ${limitMs / 1000} s`;
  if (signal !== null) return `died by ${signal}`;
  return exitCode === 0 ? null : `ended with exit code ${exitCode}`;
}
