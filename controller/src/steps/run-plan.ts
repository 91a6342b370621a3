import { setMaxListeners } from 'node:events';
import { CxlpodError, environmentError } from '../errors/cxlpod-error.ts';
import { interruptedError } from '../errors/interrupted.ts';
import { hold } from './hold.ts';
import type { Lane, Plan, Step, StepObserver } from './step.ts';

/** How long an aborted step may take to let go before it is undone regardless. */
const releaseLimitMs = 5_000;
/** How long taking back one step may take. */
const undoLimitMs = 20_000;

interface Started {
  readonly step: Step;
  readonly lane: Lane | null;
}

/**
 * Runs the plan. On the first failure, or when `signal` is aborted, everything started is undone in reverse order and that first
 * failure is thrown; a failure to undo is shown, and never hides the first.
 */
export async function runPlan(plan: Plan, options: { signal: AbortSignal; observer: StepObserver; what: string }): Promise<void> {
  const { signal, observer, what } = options;
  const started: Started[] = [];
  try {
    for (const part of plan) {
      const running: Running = { signal, operator: signal, observer, started, what };
      if ('together' in part) await runTogether(part.together, running);
      else await runStep({ step: part, lane: null }, running);
    }
  } catch (error) {
    for (const each of started.reverse()) await undoStep(each, observer);
    throw error;
  } finally {
    await observer.ended();
  }
}

interface Running {
  /** The operator's, or the failure of a lane beside this one. */
  readonly signal: AbortSignal;
  readonly operator: AbortSignal;
  readonly observer: StepObserver;
  readonly started: Started[];
  readonly what: string;
}

async function runTogether(lanes: readonly Lane[], running: Running): Promise<void> {
  const othersFailed = new AbortController();
  let firstError: unknown;
  const signal = AbortSignal.any([running.signal, othersFailed.signal]);
  const runLane = async (lane: Lane): Promise<void> => {
    try {
      for (const step of lane.steps) await runStep({ step, lane }, { ...running, signal });
    } catch (error) {
      firstError ??= error;
      othersFailed.abort();
    }
  };
  await Promise.all(lanes.map(runLane));
  if (firstError !== undefined) throw firstError;
}

async function runStep({ step, lane }: Started, running: Running): Promise<void> {
  const { signal, observer, started } = running;
  if (signal.aborted) throw stopped(running);
  const deadline = new AbortController();
  const timer = setTimeout(() => deadline.abort(), step.deadlineMs);
  const stop = AbortSignal.any([signal, deadline.signal]);
  // A step may have many requests under way that all listen to it; the default limit suspects a leak.
  setMaxListeners(0, stop);
  const startMs = performance.now();
  let lastNote: string | null = null;
  started.push({ step, lane });
  observer.started(step, lane);
  const note = (text: string): void => {
    lastNote = text;
    observer.noted(step, lane, text);
  };
  const run = step.run({ signal: stop, note }).then(() => hold(nameOf(step, lane), note, stop));
  try {
    await untilAborted(run, stop);
    observer.finished(step, lane, performance.now() - startMs);
  } catch (error) {
    await settledOrLimit(run);
    const reason = signal.aborted ? stopped(running) : deadline.signal.aborted ? late(step, lane, lastNote, error) : error;
    observer.failed(step, lane, reason);
    throw reason;
  } finally {
    clearTimeout(timer);
  }
}

function stopped({ operator, what }: Running): Error {
  return operator.aborted ? interruptedError(what) : new Error('stopped, since the one beside it failed');
}

class Aborted extends Error {}

async function untilAborted(run: Promise<void>, signal: AbortSignal): Promise<void> {
  let onAbort = (): void => {};
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(new Aborted('aborted'));
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
  });
  try {
    await Promise.race([run, aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

async function settledOrLimit(run: Promise<void>): Promise<void> {
  await withLimit(
    run.catch(() => {}),
    releaseLimitMs,
  );
}

/** Resolves to whether `work` ended within the limit. */
async function withLimit(work: Promise<void>, limitMs: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), limitMs);
  });
  try {
    return await Promise.race([work.then(() => true), limit]);
  } finally {
    clearTimeout(timer);
  }
}

function nameOf(step: Step, lane: Lane | null): string {
  return lane === null ? step.name : `${lane.name}: ${step.name}`;
}

/** A step that knew why it was waiting says so itself: a CxlpodError of its own wins over the bare deadline. */
function late(step: Step, lane: Lane | null, lastNote: string | null, error: unknown): unknown {
  if (error instanceof CxlpodError) return error;
  const name = nameOf(step, lane);
  const cause = lastNote === null ? undefined : new Error(`the last thing seen was: ${lastNote}`);
  return environmentError('DEADLINE', `${name} did not end within ${step.deadlineMs / 1000} s`, {
    ...(cause === undefined ? {} : { cause }),
    ...(step.hint === undefined ? {} : { hint: step.hint }),
  });
}

async function undoStep({ step, lane }: Started, observer: StepObserver): Promise<void> {
  if (step.undo === undefined) return;
  observer.undoing(step, lane);
  try {
    if (!(await withLimit(step.undo(), undoLimitMs))) throw new Error(`not undone within ${undoLimitMs / 1000} s`);
  } catch (error) {
    observer.undoFailed(step, lane, error);
  }
}
