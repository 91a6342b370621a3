/** Workers for the workloads of the heap: spread over the machines, given their tasks at once, drawn on the time line. */
import type { MeetingPlace, Span } from '@cxlpod/agent/protocol';
import { environmentError } from '../errors/cxlpod-error.ts';
import type { Hand, Post } from '../runs/crew/hand.ts';
import type { LatencySample } from '../traces/timeline.ts';
import { both } from './both.ts';
import { namesOf, spread } from './posts.ts';
import type { WorkloadContext } from './workload.ts';

/** As `spread` says; those of one machine one after the other. */
export async function hireSpread(
  context: WorkloadContext,
  name: string,
  count: number,
  options: { readonly from?: number } = {},
): Promise<Hand[]> {
  return hireAll(context, spread(name, count, namesOf(context.pod), options));
}

/** At the same time, each on its own machine. */
export async function hirePair({ crew }: WorkloadContext, [one, other]: readonly [Post, Post]): Promise<[Hand, Hand]> {
  return both(crew.hire(one), crew.hire(other));
}

/** In the order of `posts`. Machines start their workers beside each other, each one after the other. */
export async function hireAll({ crew }: WorkloadContext, posts: readonly Post[]): Promise<Hand[]> {
  const last = new Map<string, Promise<unknown>>();
  const hired = posts.map((post) => {
    const hiring = (last.get(post.machine) ?? Promise.resolve()).then(() => crew.hire(post));
    last.set(post.machine, hiring);
    return hiring;
  });
  return all(hired);
}

/** Waits for all; of several failures the first one is told, since the others are usually its consequence. */
export async function all<T>(parts: readonly Promise<T>[]): Promise<T[]> {
  const failures: unknown[] = [];
  const ended = await Promise.allSettled(
    parts.map((part) =>
      part.catch((error: unknown) => {
        failures.push(error);
        throw error;
      }),
    ),
  );
  if (failures.length > 0) throw failures[0];
  return ended.map((each) => (each as PromiseFulfilledResult<T>).value);
}

/** Another number for each meeting, in this run and between runs: nobody meets those of another run. */
export class Tokens {
  #last: number;

  constructor({ tokenBase }: Pick<WorkloadContext, 'tokenBase'>) {
    this.#last = tokenBase % 2 ** 30;
  }

  next(): number {
    return ++this.#last;
  }

  meetings(members: number): MeetingPlace[] {
    const token = this.next();
    return Array.from({ length: members }, (_, member) => ({ token, members, member }));
  }
}

/** A trace with every span would be too large to open. */
const spansDrawn = 200;

export function draw(context: WorkloadContext, hand: Hand, spans: readonly Span[]): void {
  const { clock } = hand;
  const lane = { machine: hand.post.machine, name: `${hand.post.worker}: work` };
  const stride = Math.max(1, Math.ceil(spans.length / spansDrawn));
  for (let index = 0; index < spans.length; index += stride) {
    const { name, startNs, endNs } = spans[index]!;
    context.timeline.spans.push({ lane, kind: 'calls', name, start: { clock, ns: startNs }, end: { clock, ns: endNs } });
  }
  drawStalls(context, hand, spans);
  for (const { name, startNs, endNs } of spans) {
    // Those that say how many operations they are.
    const calls = Number.parseInt(name, 10);
    if (calls > 0) context.timeline.samples.push(sampleOf(clock, { startNs, endNs }, calls, name.slice(`${calls} `.length)));
  }
}

export function sampleOf(clock: string, { startNs, endNs }: Omit<Span, 'name'>, calls: number, series: string): LatencySample {
  return { series, calls, start: { clock, ns: startNs }, end: { clock, ns: endNs } };
}

/** What takes so many times as long as most is drawn as a stall, if it takes at least so long. */
const stallFactor = 20;
const stallLeastNs = 50e6;

function drawStalls({ timeline }: WorkloadContext, { post, clock }: Hand, spans: readonly Span[]): void {
  const lengths = spans.map(({ startNs, endNs }) => endNs - startNs).sort((a, b) => a - b);
  const limitNs = Math.max(stallLeastNs, stallFactor * (lengths[lengths.length >> 1] ?? 0));
  const lane = { machine: post.machine, name: `${post.worker}: stalls` };
  for (const { name, startNs, endNs } of spans) {
    if (endNs - startNs < limitNs) continue;
    const text = `${name} took ${Math.round((endNs - startNs) / 1e6)} ms`;
    timeline.spans.push({ lane, kind: 'stall', name: text, start: { clock, ns: startNs }, end: { clock, ns: endNs } });
  }
}

/** A fault fills the post again; a machine that is emulated on busy cores may first have to boot. */
const replacedWithinMs = 240_000;

/**
 * For a task that a fault ends by killing the worker: resolves with the worker that fills the post after it. Rejects when the task ended
 * in another way.
 */
export async function untilReplaced(
  { crew }: WorkloadContext,
  hand: Hand,
  task: (hand: Hand) => Promise<unknown>,
): Promise<Hand> {
  const { worker, machine } = hand.post;
  let replace: (successor: Hand) => void = () => {};
  const replaced = new Promise<Hand>((resolve) => {
    replace = resolve;
  });
  const employment = crew.employ(hand, async (each) => {
    if (each !== hand) return replace(each);
    await task(each);
    throw environmentError('NOT_KILLED', `${worker} on ${machine} ended its task, and was to be killed`);
  });
  await employment.results();
  return inTime(replaced, hand);
}

/**
 * For a task that faults may end by killing the worker: whoever fills the post after it does the task anew, as often as need be. Resolves
 * with who ended it, and what came of it; rejects when a living worker fails.
 */
export async function outlast<Result>(
  { crew }: WorkloadContext,
  first: Hand,
  task: (hand: Hand) => Promise<Result>,
): Promise<{ readonly hand: Hand; readonly result: Result }> {
  let ended: { readonly hand: Hand; readonly result: Result } | null = null;
  let hired = 0;
  let tellHired: () => void = () => {};
  const employment = crew.employ(first, async (hand) => {
    hired++;
    tellHired();
    ended = { hand, result: await task(hand) };
  });
  for (;;) {
    const seen = hired;
    const replaced = new Promise<void>((resolve) => {
      tellHired = resolve;
    });
    await employment.results();
    if (ended !== null) return ended;
    if (hired === seen) await inTime(replaced, first);
  }
}

/**
 * For a task that a fault may end by killing the worker: what came of it, or null and the worker that fills the post after it. Rejects when a
 * living worker fails, or nobody fills the post.
 */
export async function orReplaced<Result>(
  { crew }: WorkloadContext,
  hand: Hand,
  task: (hand: Hand) => Promise<Result>,
): Promise<{ readonly hand: Hand; readonly result: Result | null }> {
  let replace: (successor: Hand) => void = () => {};
  const replaced = new Promise<Hand>((resolve) => {
    replace = resolve;
  });
  let ended: { readonly result: Result } | null = null;
  const employment = crew.employ(hand, async (each) => {
    if (each !== hand) return replace(each);
    ended = { result: await task(each) };
  });
  await employment.results();
  if (ended !== null) return { hand, result: (ended as { readonly result: Result }).result };
  return { hand: await inTime(replaced, hand), result: null };
}

async function inTime<Result>(replaced: Promise<Result>, { post: { worker, machine } }: Hand): Promise<Result> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    const error = environmentError(
      'NOT_REPLACED',
      `${worker} on ${machine} was not replaced within ${replacedWithinMs / 1000} s`,
    );
    timer = setTimeout(() => reject(error), replacedWithinMs);
  });
  try {
    return await Promise.race([replaced, late]);
  } finally {
    clearTimeout(timer);
  }
}
