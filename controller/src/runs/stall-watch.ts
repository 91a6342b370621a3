/**
 * Looks at the history while a run is at work: when each client last got on, and when the dead were recovered. From that it tells how long
 * the survivors of a death stood still (I3: no operation needs another client's step). All on the controller's clock, to within a look.
 */
import { type FollowedHistory, followHistory } from '@cxlpod/agent/history';
import type { ClientIdentity } from '@cxlpod/agent/protocol';
import type { RecoveryOutcome } from '../recovery/index.ts';
import type { Stamp } from '../traces/align-clocks.ts';
import type { Timeline } from '../traces/timeline.ts';

export const lookEveryMs = 20;
const nsPerMs = 1e6;
/** Of one client. Shorter ones are those between two looks. */
const gapLimit = 10_000;

/** One client whose recovery ended during the run. */
export interface Death extends ClientIdentity {
  /** Null for one of whom the history has nothing but its recovery. */
  readonly machine: string | null;
  /** When it was last seen to do something; null where the history has nothing of it. */
  readonly lastSeenAt: Stamp | null;
  readonly recoveredAt: Stamp;
  /** Who of those that went on stood still longest at any time between the two; null when nobody who writes a history went on. */
  readonly longestStall: (ClientIdentity & { readonly machine: string; readonly ms: number }) | null;
  /** Where it is null: no survivor wrote a history, so nobody knows whether they went on. */
  readonly unmeasured?: true;
}

/** What another watch needs to go on with this one. */
export interface StallMemory {
  readonly nextTicket: number;
  readonly tracks: readonly Track[];
  readonly recovered: readonly (ClientIdentity & { readonly ns: number })[];
}

interface Track extends ClientIdentity {
  readonly machine: number;
  seenNs: number;
  /** From one thing that it did to the next, where that took longer than a look. */
  readonly gaps: { readonly fromNs: number; readonly toNs: number }[];
}

export class StallWatch {
  readonly #history: FollowedHistory;
  readonly #timeline: Timeline;
  readonly #machines: readonly string[];
  readonly #tracks = new Map<string, Track>();
  readonly #recovered = new Map<string, ClientIdentity & { readonly ns: number }>();
  readonly #timer: NodeJS.Timeout;

  constructor(options: {
    readonly historyFile: string;
    readonly firstTicket: number;
    /** In number order. */
    readonly machines: readonly string[];
    readonly timeline: Timeline;
    /** Of a watch that nobody has kept since: what went on meanwhile is no stall that anybody saw. */
    readonly past?: StallMemory | null;
  }) {
    const { past } = options;
    this.#history = followHistory(options.historyFile, past?.nextTicket ?? options.firstTicket);
    this.#timeline = options.timeline;
    this.#machines = options.machines;
    for (const track of past?.tracks ?? []) this.#tracks.set(keyOf(track), { ...track, gaps: [...track.gaps] });
    for (const each of past?.recovered ?? []) this.#recovered.set(keyOf(each), each);
    this.#lookBlindly();
    this.#timer = setInterval(() => this.#look(), lookEveryMs).unref();
  }

  /** After the drain: what was written since the last look is looked at, then no more. */
  close(): void {
    clearInterval(this.#timer);
    this.#look();
    this.#history.close();
  }

  /** In the order of their recoveries. `outcomes` say more of those whose machines ended. */
  deaths(outcomes: readonly RecoveryOutcome[]): readonly Death[] {
    return [...this.#recovered.values()].map(({ id, incarnation, ns }) => {
      const track = this.#tracks.get(keyOf({ id, incarnation }));
      const outcome = outcomes.find((each) => each.id === id && each.incarnation === incarnation);
      const hasWitness = [...this.#tracks.keys()].some((key) => !this.#recovered.has(key));
      const fromNs = track?.seenNs ?? outcome?.suspectedAt?.ns ?? outcome?.endSeenAt?.ns ?? ns;
      return {
        ...{ id, incarnation },
        machine: outcome?.machine ?? (track === undefined ? null : this.#nameOf(track.machine)),
        lastSeenAt: track === undefined ? null : this.#stamp(track.seenNs),
        recoveredAt: this.#stamp(ns),
        longestStall: this.#longestStall(fromNs, ns),
        ...(hasWitness ? {} : { unmeasured: true }),
      };
    });
  }

  #longestStall(fromNs: number, toNs: number): Death['longestStall'] {
    let longest: Death['longestStall'] = null;
    for (const track of this.#tracks.values()) {
      if (this.#recovered.has(keyOf(track)) || track.seenNs < toNs) continue;
      const during = track.gaps.filter((gap) => gap.toNs >= fromNs && gap.fromNs <= toNs);
      const ns = Math.max(lookEveryMs * nsPerMs, ...during.map((gap) => gap.toNs - gap.fromNs));
      if (longest !== null && longest.ms >= ns / nsPerMs) continue;
      const { id, incarnation } = track;
      longest = { id, incarnation, machine: this.#nameOf(track.machine), ms: Math.round(ns / nsPerMs) };
    }
    return longest;
  }

  get memory(): StallMemory {
    return { nextTicket: this.#history.nextTicket, tracks: [...this.#tracks.values()], recovered: [...this.#recovered.values()] };
  }

  #lookBlindly(): void {
    const known = new Map([...this.#tracks].map(([key, { gaps }]) => [key, gaps.length]));
    this.#look();
    for (const [key, { gaps }] of this.#tracks) gaps.length = known.get(key) ?? gaps.length;
  }

  #look(): void {
    const { ns } = this.#timeline.now();
    for (const record of this.#history.news()) {
      if (record.kind === 'recovered') {
        const { deadClient: id, deadIncarnation: incarnation } = record;
        const key = keyOf({ id, incarnation });
        if (!this.#recovered.has(key)) this.#recovered.set(key, { id, incarnation, ns });
      } else if (record.client >= 0) {
        this.#progress({ id: record.client, incarnation: record.incarnation }, record.machine, ns);
      }
    }
  }

  #progress(client: ClientIdentity, machine: number, ns: number): void {
    const known = this.#tracks.get(keyOf(client));
    if (known === undefined) {
      this.#tracks.set(keyOf(client), { ...client, machine, seenNs: ns, gaps: [] });
      return;
    }
    if (ns - known.seenNs > 1.5 * lookEveryMs * nsPerMs && known.gaps.length < gapLimit) {
      known.gaps.push({ fromNs: known.seenNs, toNs: ns });
    }
    known.seenNs = ns;
  }

  #nameOf(machineNumber: number): string {
    return this.#machines[machineNumber - 1] ?? `machine ${machineNumber}`;
  }

  #stamp(ns: number): Stamp {
    return { ...this.#timeline.now(), ns };
  }
}

function keyOf({ id, incarnation }: ClientIdentity): string {
  return `${id}/${incarnation}`;
}
