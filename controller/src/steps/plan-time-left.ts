/** How much longer a plan takes, by how long its steps took the last times. */
import { showDuration } from '../cli/time-left.ts';
import type { Lane, Plan, Step, StepObserver } from './step.ts';
import { howLong, noteHowLong, type Took } from './took.ts';

/** Who waits for less is not told. */
const leastMs = 2_000;

/** Passes all on to `observer`, tells it what is left now and then, and keeps how long it took for the next time under `key`. */
export function withTimeLeft(
  plan: Plan,
  key: string,
  observer: StepObserver,
  { everyMs }: { readonly everyMs: number },
): StepObserver {
  const known = howLong(key);
  const clock = new PlanClock(plan, known);
  let hasFailed = false;
  const tell = (): void => {
    const leftMs = clock.leftMs(performance.now());
    if (leftMs !== null && leftMs >= 1_000) observer.left?.(`about ${showDuration(leftMs)} left`);
  };
  const totalMs = known === null ? null : new PlanClock(plan, known).leftMs(performance.now());
  if (totalMs === null) observer.left?.('the first time here: nobody knows how long it takes');
  else if (totalMs >= leastMs) observer.left?.(`takes about ${showDuration(totalMs)}, by the last times`);
  const timer = setInterval(tell, everyMs).unref();
  return {
    ...observer,
    started: (step, lane) => {
      clock.start(step, performance.now());
      observer.started(step, lane);
    },
    finished: (step, lane, elapsedMs) => {
      clock.finish(step, elapsedMs);
      observer.finished(step, lane, elapsedMs);
    },
    failed: (step, lane, error) => {
      hasFailed = true;
      clearInterval(timer);
      observer.failed(step, lane, error);
    },
    ended: async () => {
      clearInterval(timer);
      if (!hasFailed && clock.isWhole()) noteHowLong(key, clock.took());
      await observer.ended();
    },
  };
}

/** Lanes run side by side, so of those the longest counts. */
export class PlanClock {
  readonly #plan: Plan;
  readonly #known: Took | null;
  readonly #started = new Map<Step, number>();
  readonly #took = new Map<Step, number>();
  readonly #names: ReadonlyMap<Step, string>;

  constructor(plan: Plan, known: Took | null) {
    this.#plan = plan;
    this.#known = known;
    this.#names = new Map(
      plan.flatMap((part) => ('together' in part ? part.together.flatMap(namesOf) : namesOf({ name: '', steps: [part] }))),
    );
  }

  start(step: Step, atMs: number): void {
    this.#started.set(step, atMs);
  }

  finish(step: Step, elapsedMs: number): void {
    this.#took.set(step, elapsedMs);
  }

  isWhole(): boolean {
    return [...this.#names.keys()].every((step) => this.#took.has(step));
  }

  took(): Took {
    return Object.fromEntries([...this.#took].map(([step, ms]) => [this.#names.get(step)!, ms]));
  }

  /** Null: nobody knows. */
  leftMs(nowMs: number): number | null {
    if (this.#known === null) return null;
    const ofSteps = (steps: readonly Step[]): number => steps.reduce((sum, step) => sum + this.#leftOf(step, nowMs), 0);
    return this.#plan.reduce(
      (sum, part) =>
        sum + ('together' in part ? Math.max(0, ...part.together.map(({ steps }) => ofSteps(steps))) : ofSteps([part])),
      0,
    );
  }

  #leftOf(step: Step, nowMs: number): number {
    if (this.#took.has(step)) return 0;
    const wholeMs = this.#known![this.#names.get(step)!] ?? 0;
    const started = this.#started.get(step);
    return started === undefined ? wholeMs : Math.max(0, wholeMs - (nowMs - started));
  }
}

function namesOf({ name, steps }: Lane): (readonly [Step, string])[] {
  return steps.map((step) => [step, name === '' ? step.name : `${name}: ${step.name}`]);
}
