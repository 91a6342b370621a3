/**
 * Brings the stamps of all machines and of the controller to one clock, the reference machine's.
 *
 * Two kinds of evidence. *Offsets* are measured over the pool, NTP-style, between two machines (task `clock`), good to about a
 * microsecond; two of them at different times also give the drift. *Observations* are causal: something that a machine stamped
 * between the sending of a request and the arrival of its answer happened between those two moments of the controller's clock. Each
 * bounds the offset from both sides, and all together leave an interval, good to about a millisecond.
 */

export const controllerClock = 'controller';

export interface Stamp {
  /** A machine's name, or `controller`. */
  readonly clock: string;
  readonly ns: number;
}

/** At `controllerNs` of the controller's clock, `clock` was behind the reference by `behindNs`, give or take `errorNs`. */
export interface ClockOffset {
  readonly clock: string;
  readonly controllerNs: number;
  readonly behindNs: number;
  readonly errorNs: number;
}

/** `machineNs` of `clock` lies between two moments of the controller's clock. */
export interface ClockObservation {
  readonly clock: string;
  readonly sentNs: number;
  readonly machineNs: number;
  readonly receivedNs: number;
}

export interface AlignedClock {
  readonly clock: string;
  /** `reference - clock` at the first evidence. */
  readonly behindNs: number;
  /** How far a stamp of this clock may be from its true place on the reference clock; says nothing where `by` is `nothing`. */
  readonly errorNs: number;
  /** How much faster than the reference, in parts per million; null with less than two measured offsets. */
  readonly driftPpm: number | null;
  readonly by: 'reference' | 'pool' | 'causality' | 'nothing';
}

export interface ClockAlignment {
  readonly reference: string;
  readonly clocks: readonly AlignedClock[];
  toReferenceNs(stamp: Stamp): number;
}

interface Correction extends AlignedClock {
  correct(ns: number): number;
}

export function alignClocks(evidence: {
  readonly reference: string;
  readonly offsets: readonly ClockOffset[];
  readonly observations: readonly ClockObservation[];
}): ClockAlignment {
  const { reference, offsets, observations } = evidence;
  const corrections = new Map<string, Correction>([[reference, exact(reference)]]);
  for (const clock of new Set(offsets.map((offset) => offset.clock))) {
    if (clock !== reference) corrections.set(clock, measured(clock, offsets, observations));
  }
  if (!corrections.has(controllerClock)) corrections.set(controllerClock, ofController(observations, corrections));
  for (const clock of new Set(observations.map((observation) => observation.clock))) {
    if (!corrections.has(clock))
      corrections.set(clock, throughController(clock, observations, corrections.get(controllerClock)!));
  }
  return {
    reference,
    clocks: [...corrections.values()].map(({ correct: _, ...clock }) => clock),
    toReferenceNs: ({ clock, ns }) => (corrections.get(clock) ?? corrections.get(controllerClock)!).correct(ns),
  };
}

function exact(clock: string): Correction {
  return { clock, behindNs: 0, errorNs: 0, driftPpm: null, by: 'reference', correct: (ns) => ns };
}

/**
 * A straight line through the first and the last offset. When they were measured is known on the controller's clock only; causality
 * tells it on this clock, to a millisecond, which is plenty for a drift of some hundred parts per million.
 */
function measured(clock: string, offsets: readonly ClockOffset[], observations: readonly ClockObservation[]): Correction {
  const own = offsets.filter((offset) => offset.clock === clock).sort((a, b) => a.controllerNs - b.controllerNs);
  const seen = bounded(clock, boundsAhead(clock, observations));
  const first = own[0]!;
  const last = own.at(-1)!;
  const apartNs = seen.by === 'nothing' ? 0 : last.controllerNs - first.controllerNs;
  const slope = apartNs > 0 ? (last.behindNs - first.behindNs) / apartNs : 0;
  const offLine = own.map(({ controllerNs, behindNs }) =>
    Math.abs(behindNs - first.behindNs - slope * (controllerNs - first.controllerNs)),
  );
  const firstNs = first.controllerNs + seen.behindNs;
  return {
    clock,
    behindNs: first.behindNs,
    errorNs: Math.max(...own.map(({ errorNs }) => errorNs)) + Math.max(...offLine) + Math.abs(slope) * seen.errorNs,
    driftPpm: apartNs > 0 ? -slope * 1e6 : null,
    by: 'pool',
    correct: (ns) => ns + first.behindNs + slope * (ns - firstNs),
  };
}

/** `machine - controller`, from what the controller saw of this machine alone. */
function boundsAhead(
  clock: string,
  observations: readonly ClockObservation[],
): { readonly low: number; readonly high: number }[] {
  return observations
    .filter((observation) => observation.clock === clock)
    .map(({ sentNs, machineNs, receivedNs }) => ({ low: machineNs - receivedNs, high: machineNs - sentNs }));
}

function ofController(observations: readonly ClockObservation[], corrections: ReadonlyMap<string, Correction>): Correction {
  const bounds = observations.flatMap(({ clock, sentNs, machineNs, receivedNs }) => {
    const correction = corrections.get(clock);
    if (correction === undefined) return [];
    const ns = correction.correct(machineNs);
    return [{ low: ns - correction.errorNs - receivedNs, high: ns + correction.errorNs - sentNs }];
  });
  return bounded(controllerClock, bounds);
}

function throughController(clock: string, observations: readonly ClockObservation[], controller: Correction): Correction {
  const bounds = observations
    .filter((observation) => observation.clock === clock)
    .map(({ sentNs, machineNs, receivedNs }) => ({
      low: controller.correct(sentNs) - controller.errorNs - machineNs,
      high: controller.correct(receivedNs) + controller.errorNs - machineNs,
    }));
  return bounded(clock, bounds);
}

/** The middle of what all bounds allow. Where drift has made them contradict each other, the contradiction is the error. */
function bounded(clock: string, bounds: readonly { readonly low: number; readonly high: number }[]): Correction {
  if (bounds.length === 0) {
    return { clock, behindNs: 0, errorNs: 0, driftPpm: null, by: 'nothing', correct: (ns) => ns };
  }
  const low = Math.max(...bounds.map((bound) => bound.low));
  const high = Math.min(...bounds.map((bound) => bound.high));
  const behindNs = (low + high) / 2;
  return {
    clock,
    behindNs,
    errorNs: Math.abs(high - low) / 2,
    driftPpm: null,
    by: 'causality',
    correct: (ns) => ns + behindNs,
  };
}
