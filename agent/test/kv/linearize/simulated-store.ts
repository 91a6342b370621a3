/** Histories of a store that is right by construction: every operation takes effect at one moment between its begin and its end. */
import type { HistoryRecord } from '../../../src/history/index.ts';
import type { Operation } from '../../../src/history/record.ts';
import { kvArgument } from '../../../src/kv/linearize/read-operations.ts';

export interface Shape {
  readonly clients: number;
  readonly keys: number;
  readonly operations: number;
  /** How many operations are cut short by the death of their client. */
  readonly crashes: number;
  /** Of ten operations, so many read, and so many delete; the others put. */
  readonly reads: number;
  readonly deletes: number;
  /** Recoveries are in the history; all are over at its end. */
  readonly recoveries: boolean;
}

interface Client {
  readonly id: number;
  incarnation: number;
  call: number;
  doing: Doing | null;
}

interface Doing {
  readonly name: 'put' | 'get' | 'delete';
  readonly key: number;
  readonly version: number;
  seen: number | null;
}

/** Dead, with an operation that may still take effect, until it is recovered. */
interface Dead {
  readonly client: number;
  readonly incarnation: number;
  readonly doing: Doing;
}

type Unticketed = HistoryRecord extends infer R ? (R extends HistoryRecord ? Omit<R, 'ticket'> : never) : never;

export class SimulatedStore {
  readonly #shape: Shape;
  readonly #random: () => number;
  readonly #records: Unticketed[] = [];
  readonly #values = new Map<number, number>();
  readonly #clients: Client[];
  readonly #dead: Dead[] = [];
  #begun = 0;
  #crashed = 0;
  #version = 0;

  constructor(shape: Shape, random: () => number) {
    this.#shape = shape;
    this.#random = random;
    this.#clients = Array.from({ length: shape.clients }, (_, id) => ({ id, incarnation: 1, call: 0, doing: null }));
  }

  history(): HistoryRecord[] {
    const { operations } = this.#shape;
    while (this.#begun < operations || this.#clients.some(({ doing }) => doing !== null)) {
      if (this.#dead.length > 0 && this.#random() < 0.05) this.#haunt();
      const client = this.#clients[this.#below(this.#clients.length)]!;
      if (client.doing === null) {
        if (this.#begun < operations) this.#begin(client);
      } else this.#goOn(client, client.doing);
    }
    while (this.#dead.length > 0) this.#haunt();
    return this.#records.map((record, ticket) => ({ ...record, ticket }) as HistoryRecord);
  }

  #begin(client: Client): void {
    this.#begun++;
    const drawn = this.#random() * 10;
    const { reads, deletes, keys } = this.#shape;
    const name = drawn < reads ? 'get' : drawn < reads + deletes ? 'delete' : 'put';
    const key = this.#below(keys);
    const version = name === 'put' ? ++this.#version : 0;
    client.call++;
    client.doing = { name, key, version, seen: null };
    this.#record(client, { kind: 'invoke', argument: kvArgument(key, version) }, name);
  }

  #goOn(client: Client, doing: Doing): void {
    const { crashes, operations } = this.#shape;
    if (this.#crashed < crashes && this.#random() < (2 * crashes) / operations) {
      this.#crashed++;
      this.#dead.push({ client: client.id, incarnation: client.incarnation, doing });
      client.incarnation++;
      client.doing = null;
    } else if (doing.seen === null) this.#takeEffect(doing);
    else {
      this.#record(client, { kind: 'end', outcome: 'ok', result: doing.seen }, doing.name);
      client.doing = null;
    }
  }

  /** What the dead began takes effect, or their recovery ends. */
  #haunt(): void {
    const place = this.#below(this.#dead.length);
    const { client, incarnation, doing } = this.#dead[place]!;
    if (doing.seen === null && this.#random() < 0.5) {
      this.#takeEffect(doing);
      return;
    }
    this.#dead.splice(place, 1);
    if (!this.#shape.recoveries) return;
    const [machine, pid] = [9, 900];
    this.#records.push({
      kind: 'recovered',
      machine,
      pid,
      client: -1,
      incarnation: 0,
      deadClient: client,
      deadIncarnation: incarnation,
    });
  }

  #takeEffect(doing: Doing): void {
    if (doing.name === 'get') doing.seen = this.#values.get(doing.key) ?? 0;
    else {
      this.#values.set(doing.key, doing.version);
      doing.seen = 0;
    }
  }

  #record(client: Client, what: object, name: Doing['name']): void {
    const operation: Operation = `kv-${name}`;
    const { id, incarnation, call } = client;
    const who = { machine: 1 + (id % 2), pid: 100 * incarnation + id, client: id, incarnation };
    this.#records.push({ ...who, operation, call, ...what } as Unticketed);
  }

  #below(limit: number): number {
    return Math.floor(this.#random() * limit);
  }
}

/** What comes at the end of a history, in order; tickets follow. */
export function followedBy(records: readonly HistoryRecord[], more: readonly Unticketed[]): HistoryRecord[] {
  return [...records, ...more].map((record, ticket) => ({ ...record, ticket }) as HistoryRecord);
}

/** Operations of clients that no simulated history has, on one key. */
export class Planted {
  readonly #key: number;

  constructor(key: number) {
    this.#key = key;
  }

  put(version: number, client = 50): Unticketed[] {
    return [this.begin('put', version, client), this.end('put', 0, client)];
  }

  get(seen: number, client = 51): Unticketed[] {
    return [this.begin('get', 0, client), this.end('get', seen, client)];
  }

  delete(client = 50): Unticketed[] {
    return [this.begin('delete', 0, client), this.end('delete', 0, client)];
  }

  begin(name: 'put' | 'get' | 'delete', version = 0, client = 50): Unticketed {
    return {
      kind: 'invoke',
      operation: `kv-${name}`,
      call: client,
      argument: kvArgument(this.#key, version),
      ...this.#who(client),
    };
  }

  end(name: 'put' | 'get' | 'delete', result = 0, client = 50): Unticketed {
    return { kind: 'end', operation: `kv-${name}`, call: client, outcome: 'ok', result, ...this.#who(client) };
  }

  recovered(client: number): Unticketed {
    return { kind: 'recovered', machine: 9, pid: 900, client: -1, incarnation: 0, deadClient: client, deadIncarnation: 1 };
  }

  #who(client: number) {
    return { machine: 3, pid: client, client, incarnation: 1 };
  }
}
