/**
 * What deaths do to CXL-SHM and to the heap with a lock, side by side. `heap-partial-failure`: one of two clients dies inside an operation.
 * `heap-full-failure`: both die, and somebody comes after them. The scenario's faults say where they die.
 */
import type { Survival, Tasks } from '@cxlpod/agent/protocol';
import { z } from 'zod';
import { duration } from '../config/quantities.ts';
import type { Hand, Post } from '../runs/crew/hand.ts';
import { all, draw, untilReplaced } from './heap-crew.ts';
import { type HeapResult, perSecond, showPerSecond } from './heap-result.ts';
import { pairOf } from './posts.ts';
import type { Workload, WorkloadContext } from './workload.ts';

const systems = [
  { system: 'lock', task: 'lock-heap', label: 'heap with a lock' },
  { system: 'cxl-shm', task: 'heap-churn', label: 'CXL-SHM' },
] as const;
type System = (typeof systems)[number];

type Restart = NonNullable<Tasks['lock-heap']['result']['restart']>;

export interface FailedSystem {
  readonly system: System['system'];
  readonly label: string;
  /** Of the client that did not die; null where all died. */
  readonly survival: Survival | null;
  /** What the one found who came after all had stopped; null where nobody had to come. */
  readonly restart: (Restart & { readonly wanted: number }) | null;
}

export interface HeapFailureResult extends HeapResult {
  readonly systems: readonly FailedSystem[];
}

const common = {
  /** In which operations are counted. */
  bucket: duration.default(10),
  systems: z
    .array(z.enum(['lock', 'cxl-shm']))
    .min(1)
    .default(['lock', 'cxl-shm']),
  /** How long a survivor is watched after the death was seen. */
  after: duration.default(1_000),
};
const partialParameters = z.strictObject({ name: z.literal('heap-partial-failure'), ...common });
const fullParameters = z.strictObject({ name: z.literal('heap-full-failure'), ...common });

type Parameters = z.output<typeof partialParameters> | z.output<typeof fullParameters>;

const deadlineMs = 120_000;

class Failure {
  readonly #context: WorkloadContext;
  readonly #system: System;
  readonly #share: { readonly bucketMs: number; readonly afterMs: number; readonly seed: number };

  constructor(context: WorkloadContext, system: System, { bucket, after }: Parameters) {
    this.#context = context;
    this.#system = system;
    this.#share = { bucketMs: bucket, afterMs: after, seed: context.seed };
  }

  /** The survivor is on the first machine, the victim on the second. */
  async partial(): Promise<FailedSystem> {
    const { system, label } = this.#system;
    // The survivor first: nobody opens the heap with a lock any more once its holder is dead.
    const survivor = await this.#hire(0, 'survivor');
    const victim = await this.#hire(1, 'victim');
    const [survival] = await all<Survival | null>([
      this.#task(survivor, 'survivor', [victim]).then((result) => result.survival),
      this.#die(victim, survivor).then(() => null),
    ]);
    draw(this.#context, survivor, survival!.spans);
    await this.#context.crew.release(survivor);
    const restart = needsNext(system) ? await this.#restart([victim]) : null;
    return { system, label, survival: survival!, restart };
  }

  async full(): Promise<FailedSystem> {
    const { system, label } = this.#system;
    const first = await this.#hire(0, 'first');
    const second = await this.#hire(1, 'second');
    await all([this.#die(first, second), this.#die(second, first)]);
    return { system, label, survival: null, restart: await this.#restart([first, second]) };
  }

  /** Whoever fills the post then would sit in the dead client's place, whose slots are to be looked at: it leaves again. */
  async #die(victim: Hand, partner: Hand): Promise<void> {
    const successor = await untilReplaced(this.#context, victim, (hand) => this.#task(hand, 'victim', [partner]));
    await this.#context.crew.release(successor);
  }

  async #restart(dead: readonly Hand[]): Promise<FailedSystem['restart']> {
    const next = await this.#hire(0, 'next');
    const { restart } = await this.#task(next, 'restart', dead);
    return { ...restart!, wanted: dead.length };
  }

  #hire(machine: number, name: string): Promise<Hand> {
    const { machines } = this.#context.pod;
    return this.#context.crew.hire({ machine: machines[machine]!.machine.name, worker: `${this.#system.system}-${name}` });
  }

  #task(hand: Hand, role: 'victim' | 'survivor' | 'restart', partners: readonly Hand[]) {
    const parameters = { role, partners: partners.map(({ client }) => client), ...this.#share };
    return hand.task(this.#system.task, parameters, { deadlineMs, label: `${this.#system.label}: ${role}` });
  }
}

export const heapPartialFailure = {
  name: 'heap-partial-failure',
  sentence:
    'Two clients work in one heap until one is killed inside an operation: what becomes of the other, with a lock and with CXL-SHM.',
  parameters: partialParameters,
  needs: { machines: 2, heap: true },
  posts: (wanted: Parameters, machines: readonly string[]) =>
    among(wanted).flatMap(({ system }) => [
      ...pairOf(`${system}-survivor`, `${system}-victim`, machines),
      ...(needsNext(system) ? [nextOf(system, machines)] : []),
    ]),
  async run(parameters: z.output<typeof partialParameters>, context: WorkloadContext): Promise<HeapFailureResult> {
    const failed: FailedSystem[] = [];
    for (const system of among(parameters)) {
      context.say(`heap-partial-failure: ${system.label}`);
      failed.push(await new Failure(context, system, parameters).partial());
    }
    return resultOf(failed);
  },
} satisfies Workload<z.output<typeof partialParameters>, HeapFailureResult>;

export const heapFullFailure = {
  name: 'heap-full-failure',
  sentence:
    'Two clients work in one heap until both are killed inside an operation: what the next one finds, with a lock and with CXL-SHM.',
  parameters: fullParameters,
  needs: { machines: 2, heap: true },
  posts: (wanted: Parameters, machines: readonly string[]) =>
    among(wanted).flatMap(({ system }) => [...pairOf(`${system}-first`, `${system}-second`, machines), nextOf(system, machines)]),
  async run(parameters: z.output<typeof fullParameters>, context: WorkloadContext): Promise<HeapFailureResult> {
    const failed: FailedSystem[] = [];
    for (const system of among(parameters)) {
      context.say(`heap-full-failure: ${system.label}`);
      failed.push(await new Failure(context, system, parameters).full());
    }
    return resultOf(failed);
  },
} satisfies Workload<z.output<typeof fullParameters>, HeapFailureResult>;

/** Of CXL-SHM nobody needs to come after one death: the audit at the end of the run recounts it. */
function needsNext(system: System['system']): boolean {
  return system === 'lock';
}

function nextOf(system: System['system'], machines: readonly string[]): Post {
  return { machine: machines[0]!, worker: `${system}-next` };
}

function among(wanted: Parameters): readonly System[] {
  return systems.filter(({ system }) => wanted.systems.includes(system));
}

function resultOf(failed: readonly FailedSystem[]): HeapFailureResult {
  const restarts = failed.flatMap(({ restart }) => restart ?? []);
  return {
    systems: failed,
    checked: {
      what: 'objects of the dead that were found where they had been left',
      count: restarts.reduce((sum, { found }) => sum + found, 0),
    },
    figures: failed.flatMap(({ label, survival, restart }) => [
      ...(survival === null
        ? []
        : [
            {
              name: `${label}, after a death`,
              value: showPerSecond(rateOf(survival.after)),
              detail: `${showPerSecond(rateOf(survival.before))} before it, while both worked; refused ${survival.blocked.toLocaleString('en-US')} times since a dead client holds the lock; longest stall ${Math.round(survival.longestStallNs / 1e6)} ms`,
            },
          ]),
      ...(restart === null
        ? []
        : [
            {
              name: `${label}, after all had stopped`,
              value: restart.problems.length === 0 ? 'whole' : 'damaged',
              detail:
                restart.problems[0] ??
                `${restart.found} of ${restart.wanted} objects of the dead are there; ${restart.left} left after they were dropped`,
            },
          ]),
    ]),
  };
}

export function rateOf({ operations, ms }: Survival['before']): number {
  return perSecond(operations, ms * 1e6);
}
