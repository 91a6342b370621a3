/**
 * What happened during a run, as the run sees it: spans and instants on lanes, each stamped on the clock of whoever saw it. Clocks
 * are only made comparable at the end (`align-clocks.ts`), when everything that is known about them has been collected.
 */
import type { ClockObservation, ClockOffset, Stamp } from './align-clocks.ts';
import { controllerClock } from './align-clocks.ts';

/** A row of the time line: something on a machine that does one thing at a time. */
export interface Lane {
  /** The machine's name; `controller` for the controller. */
  readonly machine: string;
  readonly name: string;
}

/** `harm`: a fault has struck and is not healed yet; `recovery`: of who is suspected, until it is recovered. Both lie over what else is on their lane. */
export const spanKinds = ['phase', 'step', 'process', 'task', 'calls', 'stall', 'harm', 'recovery'] as const;
export type SpanKind = (typeof spanKinds)[number];

export const markKinds = ['fault', 'event'] as const;
export type MarkKind = (typeof markKinds)[number];

export type Detail = Readonly<Record<string, string | number | boolean | null>>;

export interface TimelineSpan {
  readonly lane: Lane;
  readonly kind: SpanKind;
  readonly name: string;
  readonly start: Stamp;
  readonly end: Stamp;
  readonly detail?: Detail;
}

export interface TimelineMark {
  readonly lane: Lane;
  readonly kind: MarkKind;
  readonly name: string;
  readonly at: Stamp;
  readonly detail?: Detail;
}

/** So many calls took from `start` to `end`, one after the other. */
export interface LatencySample {
  /** Of what, for people. */
  readonly series: string;
  readonly start: Stamp;
  readonly end: Stamp;
  readonly calls: number;
}

/** Operations of the run that had ended by then. */
export interface ProgressReading {
  readonly at: Stamp;
  readonly operations: number;
}

export class Timeline {
  readonly spans: TimelineSpan[] = [];
  readonly marks: TimelineMark[] = [];
  readonly samples: LatencySample[] = [];
  readonly progress: ProgressReading[] = [];
  readonly offsets: ClockOffset[] = [];
  readonly observations: ClockObservation[] = [];

  readonly #boots = new Map<string, number>();

  /** The clock of a machine as it runs now: one that boots again has another. */
  clockOf(machine: string): string {
    const boot = this.#boots.get(machine) ?? 1;
    return boot === 1 ? machine : `${machine}, boot ${boot}`;
  }

  /** From now on the machine's stamps are of another clock. */
  bootedAgain(machine: string): void {
    this.#boots.set(machine, (this.#boots.get(machine) ?? 1) + 1);
  }

  /** This controller's monotonic clock, now. */
  now(): Stamp {
    return { clock: controllerClock, ns: Number(process.hrtime.bigint()) };
  }

  /** Runs `act` and draws it on `lane` from its start to its end, also when it throws. */
  async during<T>(lane: Lane, kind: SpanKind, name: string, act: () => Promise<T>): Promise<T> {
    const start = this.now();
    try {
      return await act();
    } finally {
      this.spans.push({ lane, kind, name, start, end: this.now() });
    }
  }

  mark(mark: Omit<TimelineMark, 'at'> & { readonly at?: Stamp }): void {
    this.marks.push({ ...mark, at: mark.at ?? this.now() });
  }
}
