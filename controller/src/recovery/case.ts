import type { ClientIdentity } from '@cxlpod/agent/protocol';
import type { Machine } from '../provider/provider.ts';
import type { Stamp } from '../traces/align-clocks.ts';
import type { Timeline } from '../traces/timeline.ts';
import type { RecoveryOutcome } from './outcome.ts';

type Entry = { -readonly [Key in keyof RecoveryOutcome]: RecoveryOutcome[Key] };

/** A machine that is suspected, from the first suspicion until nobody of it is suspected any more. */
export class Case {
  readonly machine: Machine;
  readonly #timeline: Timeline;
  readonly #entries = new Map<string, Entry>();
  /** Whom the end of the machine ends: everybody who was seen on it. */
  readonly #clients = new Map<string, ClientIdentity>();
  #endSeenAt: Stamp | null = null;

  constructor(machine: Machine, timeline: Timeline) {
    this.machine = machine;
    this.#timeline = timeline;
  }

  get isPending(): boolean {
    return [...this.#entries.values()].some(({ state }) => state === 'pending');
  }

  /** Nothing has come of it yet, and nothing is known to be in the way. */
  get isUndecided(): boolean {
    return [...this.#entries.values()].some(({ state, because }) => state === 'pending' && because === null);
  }

  clients(): readonly ClientIdentity[] {
    return [...this.#clients.values()];
  }

  outcomes(): readonly RecoveryOutcome[] {
    return [...this.#entries.values()].map((entry) => ({ ...entry }));
  }

  suspect(suspects: readonly ClientIdentity[], clients: readonly ClientIdentity[]): void {
    for (const client of clients) this.#clients.set(keyOf(client), client);
    const news = suspects.filter((client) => this.#entries.get(keyOf(client))?.state !== 'pending');
    if (news.length === 0) return;
    const suspectedAt = this.#mark('suspected', news);
    for (const client of news) {
      // One that was only slow before keeps its first suspicion.
      const entry = this.#entries.get(keyOf(client)) ?? { ...this.#blank(client), suspectedAt };
      entry.state = 'pending';
      this.#entries.set(keyOf(client), entry);
    }
  }

  /** Clients of a machine that has ended, whom nobody has suspected. */
  expect(clients: readonly ClientIdentity[]): void {
    for (const client of clients) {
      this.#clients.set(keyOf(client), client);
      this.#entries.set(keyOf(client), this.#blank(client));
    }
  }

  unsuspect(clients: readonly (ClientIdentity & { readonly because: 'beats' | 'gone' })[]): void {
    for (const { because, ...client } of clients) {
      if (because === 'gone') this.#clients.delete(keyOf(client));
      const entry = this.#entries.get(keyOf(client));
      if (entry?.state !== 'pending') continue;
      entry.state = because === 'gone' ? 'gone' : 'slow';
      entry.because = null;
      this.#mark(because === 'gone' ? 'gone' : 'beats again', [client]);
    }
  }

  seeEnd(): void {
    this.#endSeenAt ??= this.#mark('end seen', []);
  }

  /** `asked`: whom the grant named; those that the answer leaves out were not there any more. */
  recovered(asked: readonly ClientIdentity[], answer: readonly ClientIdentity[], by: string, fencedAt: Stamp): void {
    const recoveredAt = this.#mark(`recovered by ${by}`, answer);
    for (const client of answer) {
      const entry = this.#entries.get(keyOf(client)) ?? this.#blank(client);
      Object.assign(entry, { state: 'recovered', endSeenAt: this.#endSeenAt, fencedAt, recoveredAt, by, because: null });
      this.#entries.set(keyOf(client), entry);
    }
    for (const client of asked) {
      this.#clients.delete(keyOf(client));
      const entry = this.#entries.get(keyOf(client));
      if (entry?.state === 'pending') Object.assign(entry, { state: 'gone', because: null });
    }
  }

  /** Why it goes no further at the moment. */
  stall(because: string): void {
    for (const entry of this.#entries.values()) if (entry.state === 'pending') entry.because = because;
  }

  #blank(client: ClientIdentity): Entry {
    return {
      ...{ id: client.id, incarnation: client.incarnation, machine: this.machine.name, state: 'pending' },
      ...{ suspectedAt: null, endSeenAt: null, fencedAt: null, recoveredAt: null, by: null, because: null },
    };
  }

  #mark(name: string, clients: readonly ClientIdentity[]): Stamp {
    const at = this.#timeline.now();
    const lane = { machine: this.machine.name, name: 'recovery' };
    const detail = { clients: clients.map(keyOf).join(' ') };
    this.#timeline.mark({ lane, kind: 'event', name, at, detail });
    return at;
  }
}

/** Client and incarnation. */
function keyOf({ id, incarnation }: ClientIdentity): string {
  return `${id}.${incarnation}`;
}
