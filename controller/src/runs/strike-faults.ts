/** The faults of a run beside its workload: each struck when it is due, seen, healed, and told. */
import { setMaxListeners } from 'node:events';
import { setTimeout as after } from 'node:timers/promises';
import { environmentError } from '../errors/cxlpod-error.ts';
import type { Fault, Strike } from '../faults/fault.ts';
import { describeSchedule } from '../faults/schedule.ts';
import type { Lane } from '../traces/timeline.ts';
import type { WorkloadContext } from '../workload/workload.ts';
import type { Arms } from './crew/armed-hands.ts';
import type { Crash, Post } from './crew/hand.ts';
import type { FaultOutcome } from './evidence.ts';
import { givenUp } from './given-up.ts';
import type { Progress } from './progress.ts';

/** A machine that boots again may take this long on busy cores; whatever takes longer hangs. */
export const strikeLimitMs = 120_000;
export const healLimitMs = 180_000;

/**
 * How far each fault is. `striking` is told before anything is done, and `healing` too: of what a controller does not live to tell, another
 * one knows that it may have been done by half.
 */
export type StrikeState = 'waiting' | 'striking' | 'struck' | 'healing' | 'over';

/** What a controller that is gone had told. */
export interface PastStrikes {
  readonly outcomes: readonly FaultOutcome[];
  readonly states: readonly StrikeState[];
}

const seenWithinMs = 2_000;

/** Of a fault that is done once only. */
const beganAndGone = 'the controller that was at it is gone, and nothing shows that it was done';

const controllerLane: Lane = { machine: 'controller', name: 'faults' };

export class Strikes implements Arms {
  /** Told of every change of the outcomes. */
  onChange: () => void = () => {};
  readonly #faults: readonly Fault[];
  readonly #outcomes: FaultOutcome[];
  readonly #states: StrikeState[];
  readonly #over = new AbortController();
  /** Who waits for another fault to get on. */
  readonly #watchers = new Set<() => void>();
  /** Faults that have armed a worker. */
  readonly #armed = new Set<Fault>();
  #running: readonly Promise<void>[] = [];
  #firstFailure: { readonly error: unknown } | null = null;

  constructor(faults: readonly Fault[], past: PastStrikes | null = null) {
    // Each fault waits on it, and a scenario may have many.
    setMaxListeners(0, this.#over.signal);
    this.#faults = faults;
    this.#states = [...(past?.states ?? faults.map(() => 'waiting' as const))];
    this.#outcomes = [...(past?.outcomes ?? faults.map(notYet))];
  }

  get states(): readonly StrikeState[] {
    return this.#states;
  }

  /** In the order of the scenario. */
  get outcomes(): readonly FaultOutcome[] {
    return this.#outcomes;
  }

  /** Whether a fault on this machine has begun to strike and is not healed. */
  harms(machine: string): boolean {
    return this.#faults.some(
      ({ needs, explains }, index) =>
        explains !== undefined &&
        isOpen(this.#states[index]!) &&
        (needs.machines.length === 0 || needs.machines.includes(machine)),
    );
  }

  /** What the next worker of `post` is armed with: each fault arms one worker, in the order of the scenario. */
  next(post: Post): { readonly crash: Crash; readonly by: number } | null {
    for (const [by, fault] of this.#faults.entries()) {
      const crash = this.#armed.has(fault) ? null : (fault.arm?.(post) ?? null);
      if (crash === null) continue;
      this.#armed.add(fault);
      return { crash, by };
    }
    return null;
  }

  again(by: number, post: Post): Crash | null {
    const fault = this.#faults[by];
    if (fault === undefined) return null;
    this.#armed.add(fault);
    return fault.arm?.(post) ?? null;
  }

  begin(context: WorkloadContext, progress: Progress): void {
    this.#running = this.#faults.map((_, index) => this.#see(index, context, progress));
  }

  /** The workload is over: nobody strikes any more, and whatever harm is left is healed. Resolves with the first failure. */
  async end(): Promise<{ readonly error: unknown } | null> {
    this.#over.abort();
    await Promise.all(this.#running);
    return this.#firstFailure;
  }

  async #see(index: number, context: WorkloadContext, progress: Progress): Promise<void> {
    const fault = this.#faults[index]!;
    const past = this.#states[index]!;
    try {
      if (past === 'over') return;
      // One that was striking strikes again: as with a machine that is to be off, it is done when that is seen.
      if (past === 'waiting' && !((await this.#isDue(fault, context, progress)) && (await this.#isReached(fault, index)))) return;
      const isStruck = past === 'struck' || past === 'healing' || (await this.#strike(fault, index, context, past));
      if (isStruck) await this.#heal(fault, index, context);
      this.#become(index, 'over');
    } catch (error) {
      this.#become(index, 'over');
      this.#firstFailure ??= { error };
      this.#note(index, { error: error instanceof Error ? error.message : String(error) });
    }
  }

  async #isDue({ schedule }: Fault, { crew }: WorkloadContext, progress: Progress): Promise<boolean> {
    const { signal } = this.#over;
    if (schedule.when === 'armed') return true;
    await Promise.race([crew.atWork, givenUp(signal)]);
    if (schedule.when === 'atOperations') return (await progress.reach(schedule.count, signal)) !== null;
    await after(schedule.ms, undefined, { signal }).catch(() => {});
    return !signal.aborted;
  }

  /** Waits until no other fault has its machines down, which lasts no longer than healing may; false when the workload is over before. */
  async #isReached(fault: Fault, index: number): Promise<boolean> {
    const { signal } = this.#over;
    if (fault.schedule.when === 'armed') return true;
    while (!signal.aborted && this.#faults.some((other, at) => this.#isDown(other, at) && meets(fault, other))) {
      await Promise.race([givenUp(signal), new Promise<void>((resolve) => this.#watchers.add(resolve))]);
    }
    if (signal.aborted) return false;
    // At once, so that of two that waited for the same one sees the other.
    this.#become(index, 'striking');
    return true;
  }

  /** What waits for its moment has done nothing yet, even if it is striking for as long. */
  #isDown({ takesDown, schedule }: Fault, index: number): boolean {
    const state = this.#states[index]!;
    return takesDown === true && isOpen(state) && !(schedule.when === 'armed' && state === 'striking');
  }

  /** Whether there is something to heal. */
  async #strike(fault: Fault, index: number, context: WorkloadContext, past: StrikeState): Promise<boolean> {
    const isAgain = past === 'striking';
    this.#become(index, 'striking');
    const strike = fault.strike(context, this.#over.signal, isAgain);
    const limited = fault.schedule.when === 'armed' ? strike : within(strikeLimitMs, `${fault.sentence}: not seen`, strike);
    let seen: Strike | null;
    try {
      seen = await limited;
    } catch (error) {
      await this.#heal(fault, index, context).catch(() => {});
      throw error;
    }
    if (seen === null) {
      if (isAgain && fault.schedule.when !== 'armed') this.#note(index, { error: beganAndGone });
      return false;
    }
    const { sentence, evidence, at = context.timeline.now() } = seen;
    this.#states[index] = 'struck';
    this.#note(index, { struckAt: at, seen: { sentence, evidence } });
    context.timeline.mark({ lane: fault.lane ?? controllerLane, kind: 'fault', name: sentence, at, detail: evidence });
    context.say(`fault: ${sentence} (${fault.kind}, ${describeSchedule(fault.schedule)})`);
    return true;
  }

  async #heal(fault: Fault, index: number, context: WorkloadContext): Promise<void> {
    const { signal } = this.#over;
    if (fault.healAfterMs === null) await givenUp(signal);
    else if (fault.healAfterMs > 0)
      await after(this.#leftMs(fault.healAfterMs, index, context), undefined, { signal }).catch(() => {});
    this.#become(index, 'healing');
    const healed = await within(healLimitMs, `${fault.sentence}: not healed`, fault.heal(context));
    this.#note(index, { healedAt: context.timeline.now() });
    if (healed === undefined) return;
    context.timeline.mark({ lane: fault.lane ?? controllerLane, kind: 'event', name: healed });
    context.say(`healed: ${healed}`);
  }

  /** A controller that is gone may have waited for some of it; a moment is left for whoever only now sees what was struck. */
  #leftMs(healAfterMs: number, index: number, { timeline }: WorkloadContext): number {
    const { struckAt } = this.#outcomes[index]!;
    const now = timeline.now();
    if (struckAt === null || struckAt.clock !== now.clock) return healAfterMs;
    return Math.max(Math.min(healAfterMs, seenWithinMs), healAfterMs - (now.ns - struckAt.ns) / 1e6);
  }

  #become(index: number, state: StrikeState): void {
    this.#states[index] = state;
    for (const tell of this.#watchers) tell();
    this.#watchers.clear();
    this.onChange();
  }

  #note(index: number, change: Partial<FaultOutcome>): void {
    this.#outcomes[index] = { ...this.#outcomes[index]!, ...change };
    this.onChange();
  }
}

/** Begun, and not healed. */
export function isOpen(state: StrikeState): boolean {
  return state === 'striking' || state === 'struck' || state === 'healing';
}

/** Whether they are about the same machine. One that names none is about the run, unless it takes all machines down. */
function meets({ needs: { machines }, takesDown }: Fault, other: Fault): boolean {
  if (machines.length === 0) return takesDown === true;
  return other.needs.machines.length === 0 || other.needs.machines.some((machine) => machines.includes(machine));
}

function notYet({ kind, sentence, lane }: Fault): FaultOutcome {
  const where = lane === undefined ? {} : { lane };
  return { kind, sentence, ...where, struckAt: null, seen: null, healedAt: null, error: null };
}

async function within<T>(limitMs: number, failure: string, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    const error = environmentError('FAULT_TOO_SLOW', `${failure} within ${limitMs / 1000} s`);
    timer = setTimeout(() => reject(error), limitMs);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
