/**
 * Watches the hearts of all clients of other machines (design D7). One that stands still for the lease is suspected: dead, frozen, or
 * only slow. Only this machine's own clock is used, and nothing is decided here.
 */
import { constants } from '../layout/index.ts';
import type { SeenClient } from '../pool/pool.ts';
import type { AgentEvent, ClientIdentity, Suspicion } from '../protocol/messages.ts';

/** Looks within a lease. */
const looksPerLease = 8;
/** An agent that recovers somebody is a client without a heart for that time; it is given longer. */
const recovererLeases = 8;

interface Watched extends ClientIdentity {
  beats: number;
  machineNumber: number;
  stillMs: number;
  isSuspected: boolean;
}

export interface HeartbeatWatchOptions {
  readonly ownMachine: number;
  readonly see: () => readonly SeenClient[];
  readonly emit: (event: AgentEvent) => void;
  readonly nowNs: () => number;
}

export class HeartbeatWatch {
  readonly #options: HeartbeatWatchOptions;
  readonly #watched = new Map<number, Watched>();
  #leaseMs = 0;
  #timer: NodeJS.Timeout | undefined;
  #lookedAtNs = 0;

  constructor(options: HeartbeatWatchOptions) {
    this.#options = options;
  }

  /** Also to watch with another lease from now on. */
  start(leaseMs: number): void {
    this.stop();
    this.#leaseMs = leaseMs;
    this.#lookedAtNs = this.#options.nowNs();
    this.#timer = setInterval(() => this.look(), leaseMs / looksPerLease).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  look(): void {
    const nowNs = this.#options.nowNs();
    // A look that comes late counts as one that came in time: this machine may have been frozen together with those that it watches.
    const passedMs = Math.min((nowNs - this.#lookedAtNs) / 1e6, (2 * this.#leaseMs) / looksPerLease);
    this.#lookedAtNs = nowNs;
    const seen = this.#options.see().filter(({ machineNumber }) => machineNumber !== this.#options.ownMachine);
    const over = this.#forgetAllBut(seen);
    const suspected = new Set<number>();
    for (const client of seen) {
      const watched = this.#watched.get(client.id);
      if (watched === undefined) {
        this.#watched.set(client.id, { ...client, stillMs: 0, isSuspected: false });
      } else if (watched.beats !== client.beats) {
        if (watched.isSuspected) over.push({ ...watched, because: 'beats' });
        Object.assign(watched, { beats: client.beats, stillMs: 0, isSuspected: false });
      } else if (!watched.isSuspected) {
        watched.stillMs += passedMs;
        if (watched.stillMs < this.#leaseOf(client.id)) continue;
        watched.isSuspected = true;
        suspected.add(watched.machineNumber);
      }
    }
    for (const machineNumber of suspected) {
      this.#options.emit({ event: 'suspected', atNs: nowNs, ...this.#suspicionOf(machineNumber) });
    }
    for (const machineNumber of new Set(over.map((each) => each.machineNumber))) {
      const clients = over
        .filter((each) => each.machineNumber === machineNumber)
        .map(({ id, incarnation, because }) => ({ id, incarnation, because }));
      this.#options.emit({ event: 'unsuspected', atNs: nowNs, machineNumber, clients });
    }
  }

  suspicions(): readonly Suspicion[] {
    const suspects = [...this.#watched.values()].filter(({ isSuspected }) => isSuspected);
    return [...new Set(suspects.map(({ machineNumber }) => machineNumber))].map((each) => this.#suspicionOf(each));
  }

  #forgetAllBut(seen: readonly SeenClient[]): (Watched & { because: 'beats' | 'gone' })[] {
    const over: (Watched & { because: 'gone' })[] = [];
    for (const watched of [...this.#watched.values()]) {
      if (seen.some(({ id, incarnation }) => id === watched.id && incarnation === watched.incarnation)) continue;
      this.#watched.delete(watched.id);
      if (watched.isSuspected) over.push({ ...watched, because: 'gone' });
    }
    return over;
  }

  #suspicionOf(machineNumber: number): Suspicion {
    const clients = [...this.#watched.values()].filter((each) => each.machineNumber === machineNumber);
    return {
      machineNumber,
      suspects: clients.filter(({ isSuspected }) => isSuspected).map(identityOf),
      clients: clients.map(identityOf),
    };
  }

  #leaseOf(id: number): number {
    return id < constants.CLIENT_COUNT - constants.RECOVERER_COUNT ? this.#leaseMs : this.#leaseMs * recovererLeases;
  }
}

function identityOf({ id, incarnation }: ClientIdentity): ClientIdentity {
  return { id, incarnation };
}
