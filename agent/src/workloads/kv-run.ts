import { type Operation, recordEnd, recordInvoke } from '../history/record.ts';
import type { KvStore } from '../kv/index.ts';
import { kvArgument, versionLimit } from '../kv/linearize/read-operations.ts';
import { monotonicNs } from '../pool/clock.ts';
import type { Core } from '../pool/core.ts';
import { isAborted } from '../pool/map.ts';
import { AgentError } from '../protocol/agent-error.ts';
import { boolean, integer, name, object, oneOf } from '../protocol/shape.ts';
import type { KvCounts, KvLeft, Tasks } from '../protocol/tasks.ts';
import { Meeting, meetingPlace, removeMeeting } from './heap-meeting.ts';
import { heapOf } from './heap-of.ts';
import { type Draw, type Random, randomOf, scattered, uniform, zipfian } from './kv-draw.ts';
import { wholeWords } from './kv-load.ts';
import { kvShape, partitionList, storeOf } from './kv-store-of.ts';
import { claimAll, KvValues, valueLeastBytes } from './kv-values.ts';
import { LatencyRecorder, SpanRecorder } from './latency.ts';
import type { TaskContext, Workload } from './workload.ts';

type Parameters = Tasks['kv-run']['parameters'];
type Kind = keyof KvCounts;

const callsPerSample = 100;
/** More is another fault than the one that is looked for. */
const flawLimit = 20;

const meetingName = 'kv-run';

/** Of this thread, over all its runs: a client numbers its calls on. */
let lastCall = 0;

/** A value has a word for its version, a record of the history fewer bits. */
function limitOf({ history }: Pick<Parameters, 'history'>): number {
  return history === true ? versionLimit : 2 ** 32;
}

/** Of a hundred operations, so many of each kind: the core workloads of the Yahoo! Cloud Serving Benchmark. */
const mixes: Readonly<Record<Parameters['mix'], Partial<Record<Kind, number>>>> = {
  a: { read: 50, update: 50 },
  b: { read: 95, update: 5 },
  c: { read: 100 },
  d: { read: 95, insert: 5 },
  e: { scan: 95, insert: 5 },
  f: { read: 50, readModifyWrite: 50 },
};

/**
 * YCSB A to F. A client reads all records and writes those of the partitions that it claimed: updates are drawn from those alone, by the same
 * distribution. D reads what this client inserted last. E has no order of keys to scan by: a scan is that many gets of keys that follow
 * each other. Of the updates, `deletePercent` delete instead; the next update of the key puts it again.
 *
 * Every value that is read is looked at as a whole. A key of this client's must have exactly what it wrote last; one of others may not go
 * back to an older version.
 */
export const kvRun: Workload<'kv-run'> = {
  parameters: object<Parameters>(
    {
      store: name,
      shape: kvShape,
      claims: partitionList,
      mix: oneOf('a', 'b', 'c', 'd', 'e', 'f'),
      distribution: oneOf('uniform', 'zipfian'),
      records: integer(1, 2 ** 26),
      valueBytes: integer(valueLeastBytes, 2 ** 20),
      operations: integer(1, 2 ** 40),
      firstVersion: integer(1, limitOf({ history: false }) - 1),
      seed: integer(0, 2 ** 32 - 1),
    },
    {
      seconds: integer(1, 86_400),
      deletePercent: integer(0, 100),
      scanLength: integer(1, 10_000),
      history: boolean,
      meeting: meetingPlace,
    },
  ),
  run: (context, parameters) => new KvRun(context, parameters).run(),
};

/** Of all runs so far: their clients leave them for heirs. */
export function removeMeetings(core: Core): void {
  removeMeeting(heapOf(core), meetingName);
}

class KvRun {
  readonly #core: Core;
  readonly #context: TaskContext;
  readonly #parameters: Parameters;
  readonly #store: KvStore;
  readonly #values: KvValues;
  readonly #random: Random;
  readonly #drawAny: Draw;
  readonly #drawOwn: Draw;
  readonly #drawLatest: Draw;
  /** Keys of this client's partitions. */
  readonly #own: number[] = [];
  readonly #isOwn: Uint8Array;
  /** By key: what this client wrote last, 0 for a delete; of others' keys, what it saw last. */
  readonly #versions: Uint32Array;
  /** Keys in the order in which this run inserted them, and their versions. */
  readonly #inserted: number[] = [];
  readonly #insertedVersions = new Map<number, number>();
  readonly #thresholds: readonly (readonly [Kind, number])[];
  readonly #counts: Record<Kind, number> = { read: 0, update: 0, insert: 0, scan: 0, readModifyWrite: 0, delete: 0 };
  readonly #flaws: string[] = [];
  #flawCount = 0;
  #notFound = 0;
  #checked = 0;
  #version: number;
  #nextKey: number;

  constructor(context: TaskContext, parameters: Parameters) {
    const { records, seed, claims } = parameters;
    this.#context = context;
    this.#core = context.core;
    this.#parameters = parameters;
    this.#store = storeOf(context.core, parameters.store, parameters.shape);
    claimAll(this.#store, claims);
    this.#values = new KvValues(wholeWords(parameters.valueBytes));
    this.#version = parameters.firstVersion;
    this.#nextKey = records;
    this.#isOwn = new Uint8Array(records);
    this.#versions = new Uint32Array(records);
    this.#readAll(new Set(claims));
    this.#random = randomOf(seed);
    this.#drawAny = this.#distributed(records);
    this.#drawOwn = this.#distributed(Math.max(1, this.#own.length));
    this.#drawLatest = zipfian(1000, this.#random);
    let sum = 0;
    this.#thresholds = Object.entries(mixes[parameters.mix]).map(([kind, percent]) => {
      sum += percent / 100;
      return [kind as Kind, sum];
    });
    const writes = Object.keys(mixes[parameters.mix]).some((kind) => kind !== 'read' && kind !== 'scan');
    if (writes && claims.length === 0) {
      throw new AgentError('BAD_PARAMETERS', `mix ${parameters.mix} writes, and this worker claims no partition`);
    }
  }

  run(): Tasks['kv-run']['result'] {
    const { operations, seconds } = this.#parameters;
    const latency = new LatencyRecorder(callsPerSample);
    const spans = new SpanRecorder();
    this.#meet();
    const beganNs = monotonicNs();
    const endNs = seconds === undefined ? Number.POSITIVE_INFINITY : beganNs + seconds * 1e9;
    const deadlineNs = beganNs + this.#context.remainingMs() * 1e6;
    let done = 0;
    let nowNs = beganNs;
    while (done < operations && nowNs < endNs) {
      const startNs = nowNs;
      const batch = Math.min(callsPerSample, operations - done);
      for (let call = 0; call < batch; call++) this.#once();
      done += batch;
      nowNs = monotonicNs();
      if (batch === callsPerSample) latency.record(nowNs - startNs);
      spans.record(`${batch} operations`, startNs, nowNs);
      if (nowNs < deadlineNs && !isAborted(this.#core.mapped)) continue;
      throw new AgentError('DEADLINE', `${done} operations on the store were done by the deadline`, {
        hint: 'ask for fewer, or for `seconds`',
      });
    }
    return {
      operations: done,
      elapsedNs: nowNs - beganNs,
      counts: this.#counts,
      notFound: this.#notFound,
      flawCount: this.#flawCount,
      flaws: this.#flaws,
      lastVersion: this.#version - 1,
      ownRecords: this.#own.length,
      checked: this.#checked,
      left: this.#left(),
      nextKey: this.#nextKey,
      latency: latency.counts(),
      spans: spans.spans(),
    };
  }

  /** All have read all records by then: whoever comes late is not measured while others have the machine to themselves. */
  #meet(): void {
    const { meeting: place } = this.#parameters;
    if (place === undefined) return;
    const meeting = new Meeting(this.#context, heapOf(this.#core), meetingName, place);
    try {
      meeting.arrive();
    } finally {
      // Whoever comes in the place of one that dies from now on must find that all have met.
      meeting.leave();
    }
  }

  #left(): KvLeft {
    let found = 0;
    let versionSum = 0;
    for (const key of this.#own) {
      const version = this.#versions[key]!;
      if (version !== 0) found++;
      versionSum += version;
    }
    return { found, versionSum };
  }

  #distributed(count: number): Draw {
    return this.#parameters.distribution === 'uniform'
      ? uniform(count, this.#random)
      : scattered(count, zipfian(count, this.#random));
  }

  /** Not measured: warms up, and learns what is there. */
  #readAll(claims: ReadonlySet<number>): void {
    for (let key = 0; key < this.#versions.length; key++) {
      if (claims.has(this.#store.partitionOf(key))) {
        this.#own.push(key);
        this.#isOwn[key] = 1;
      }
      const flaw = this.#values.look(this.#store, key);
      if (flaw !== undefined && flaw !== '') this.#flaw(key, flaw);
      this.#versions[key] = this.#values.version;
    }
  }

  #once(): void {
    const kind = this.#kind();
    this.#counts[kind]++;
    if (kind === 'read') this.#read(this.#parameters.mix === 'd' ? this.#latest() : this.#drawAny());
    else if (kind === 'update') this.#put(this.#ownKey());
    else if (kind === 'insert') this.#insert();
    else if (kind === 'scan') this.#scan();
    else if (kind === 'delete') this.#delete(this.#ownKey());
    else this.#readModifyWrite(this.#ownKey());
  }

  #kind(): Kind {
    const drawn = this.#random();
    const kind = this.#thresholds.find(([, limit]) => drawn < limit)?.[0] ?? 'read';
    const { deletePercent = 0 } = this.#parameters;
    return kind === 'update' && deletePercent > 0 && this.#random() * 100 < deletePercent ? 'delete' : kind;
  }

  #ownKey(): number {
    return this.#own[this.#drawOwn()]!;
  }

  /** What was inserted last most often; before the first insert, anything. */
  #latest(): number {
    const back = this.#drawLatest();
    return this.#inserted.at(-1 - back) ?? this.#drawAny();
  }

  #scan(): void {
    const { records, scanLength = 100 } = this.#parameters;
    const first = this.#drawAny();
    const count = 1 + Math.floor(this.#random() * scanLength);
    for (let key = first; key < Math.min(records, first + count); key++) this.#read(key);
  }

  #read(key: number): void {
    this.#invoke('kv-get', key, 0);
    const flaw = this.#values.look(this.#store, key);
    const { version } = this.#values;
    this.#end('kv-get', version);
    if (flaw === undefined) this.#notFound++;
    if (flaw !== undefined && flaw !== '') this.#flaw(key, flaw);
    else this.#compare(key, version);
    if (flaw === '') this.#checked++;
  }

  /** What this client knows of the key, with what it saw. */
  #compare(key: number, version: number): void {
    const isInserted = key >= this.#versions.length;
    const known = isInserted ? this.#insertedVersions.get(key)! : this.#versions[key]!;
    if (isInserted || this.#isOwn[key] === 1) {
      if (version !== known) this.#flaw(key, version === 0 ? 'missing' : 'of an older version');
      return;
    }
    if (version === 0) return;
    if (version < known) this.#flaw(key, 'of an older version');
    this.#versions[key] = version;
  }

  #readModifyWrite(key: number): void {
    this.#read(key);
    this.#put(key);
  }

  #put(key: number): void {
    const version = this.#nextVersion();
    this.#invoke('kv-put', key, version);
    this.#store.put(key, this.#values.make(key, version));
    this.#end('kv-put', 0);
    if (key < this.#versions.length) this.#versions[key] = version;
    else this.#insertedVersions.set(key, version);
  }

  #delete(key: number): void {
    const version = this.#nextVersion();
    this.#invoke('kv-delete', key, version);
    const wasThere = this.#store.delete(key);
    this.#end('kv-delete', 0);
    if (wasThere !== (this.#versions[key] !== 0)) this.#flaw(key, 'missing');
    this.#versions[key] = 0;
  }

  /** Of keys that nobody has, the next one that belongs to this client. */
  #insert(): void {
    while (!this.#parameters.claims.includes(this.#store.partitionOf(this.#nextKey))) this.#nextKey++;
    const key = this.#nextKey++;
    this.#put(key);
    this.#inserted.push(key);
  }

  #nextVersion(): number {
    const version = this.#version++;
    const limit = limitOf(this.#parameters);
    if (version < limit) return version;
    throw new AgentError('BAD_PARAMETERS', `this run needs versions beyond ${limit}`, {
      hint: 'begin with a lower `firstVersion`',
    });
  }

  #flaw(key: number, flaw: string): void {
    this.#flawCount++;
    if (this.#flaws.length < flawLimit) this.#flaws.push(`the value of key ${key} is ${flaw}`);
  }

  #invoke(operation: Operation, key: number, version: number): void {
    if (this.#parameters.history !== true) return;
    this.#written(recordInvoke(this.#core, { operation, call: ++lastCall, argument: kvArgument(key, version) }));
  }

  #end(operation: Operation, result: number): void {
    if (this.#parameters.history !== true) return;
    this.#written(recordEnd(this.#core, { operation, call: lastCall, outcome: 'ok', result }));
  }

  #written(written: boolean): void {
    if (written) return;
    throw new AgentError('HISTORY_FULL', 'the history has no room for another record', {
      hint: 'do fewer operations, or make a larger history file',
    });
  }
}
