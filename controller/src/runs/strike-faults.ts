/** The faults of a run beside its workload: each struck when it is due, seen, healed, and told. */
import { setMaxListeners } from 'node:events';
import { setTimeout as after } from 'node:timers/promises';
import { environmentError } from '../errors/cxlpod-error.ts';
import type { Fault, Strike } from '../faults/fault.ts';
import { describeSchedule } from '../faults/schedule.ts';
import type { Lane } from '../traces/timeline.ts';
import type { WorkloadContext } from '../workload/workload.ts';
import type { Crash, Post } from './crew.ts';
import type { FaultOutcome } from './evidence.ts';
import type { Progress } from './progress.ts';

/** A machine that boots again may take this long on busy cores; whatever takes longer hangs. */
export const strikeLimitMs = 120_000;
export const healLimitMs = 180_000;

const controllerLane: Lane = { machine: 'controller', name: 'faults' };

export class Strikes {
  /** Told of every change of the outcomes. */
  onChange: () => void = () => {};
  readonly #faults: readonly Fault[];
  readonly #outcomes: FaultOutcome[];
  readonly #over = new AbortController();
  /** Faults that have armed a worker. */
  readonly #armed = new Set<Fault>();
  #running: readonly Promise<void>[] = [];
  #firstFailure: { readonly error: unknown } | null = null;

  constructor(faults: readonly Fault[]) {
    // Each fault waits on it, and a scenario may have many.
    setMaxListeners(0, this.#over.signal);
    this.#faults = faults;
    this.#outcomes = faults.map(({ kind, sentence, lane }) => ({
      kind,
      sentence,
      ...(lane === undefined ? {} : { lane }),
      struckAt: null,
      seen: null,
      healedAt: null,
      error: null,
    }));
  }

  /** In the order of the scenario. */
  get outcomes(): readonly FaultOutcome[] {
    return this.#outcomes;
  }

  /** What the next worker of `post` is armed with: each fault arms one worker, in the order of the scenario. */
  arm(post: Post): Crash | null {
    for (const fault of this.#faults) {
      const crash = this.#armed.has(fault) ? null : (fault.arm?.(post) ?? null);
      if (crash === null) continue;
      this.#armed.add(fault);
      return crash;
    }
    return null;
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
    try {
      if (!(await this.#isDue(fault, context, progress))) return;
      if (await this.#strike(fault, index, context)) await this.#heal(fault, index, context);
    } catch (error) {
      this.#firstFailure ??= { error };
      this.#note(index, { error: error instanceof Error ? error.message : String(error) });
    }
  }

  async #isDue({ schedule }: Fault, { crew }: WorkloadContext, progress: Progress): Promise<boolean> {
    const { signal } = this.#over;
    if (schedule.when === 'armed') return true;
    await Promise.race([crew.atWork, aborted(signal)]);
    if (schedule.when === 'atOperations') return (await progress.reach(schedule.count, signal)) !== null;
    await after(schedule.ms, undefined, { signal }).catch(() => {});
    return !signal.aborted;
  }

  /** Whether there is something to heal. */
  async #strike(fault: Fault, index: number, context: WorkloadContext): Promise<boolean> {
    const strike = fault.strike(context, this.#over.signal);
    const limited = fault.schedule.when === 'armed' ? strike : within(strikeLimitMs, `${fault.sentence}: not seen`, strike);
    let seen: Strike | null;
    try {
      seen = await limited;
    } catch (error) {
      await this.#heal(fault, index, context).catch(() => {});
      throw error;
    }
    if (seen === null) return false;
    const { sentence, evidence, at = context.timeline.now() } = seen;
    this.#note(index, { struckAt: at, seen: { sentence, evidence } });
    context.timeline.mark({ lane: fault.lane ?? controllerLane, kind: 'fault', name: sentence, at, detail: evidence });
    context.say(`fault: ${sentence} (${fault.kind}, ${describeSchedule(fault.schedule)})`);
    return true;
  }

  async #heal(fault: Fault, index: number, context: WorkloadContext): Promise<void> {
    const { signal } = this.#over;
    if (fault.healAfterMs === null) await aborted(signal);
    else if (fault.healAfterMs > 0) await after(fault.healAfterMs, undefined, { signal }).catch(() => {});
    const healed = await within(healLimitMs, `${fault.sentence}: not healed`, fault.heal(context));
    this.#note(index, { healedAt: context.timeline.now() });
    if (healed === undefined) return;
    context.timeline.mark({ lane: fault.lane ?? controllerLane, kind: 'event', name: healed });
    context.say(`healed: ${healed}`);
  }

  #note(index: number, change: Partial<FaultOutcome>): void {
    this.#outcomes[index] = { ...this.#outcomes[index]!, ...change };
    this.onChange();
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
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
