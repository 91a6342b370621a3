/** `kv`: the KV store of CXL-SHM under the mixes of the Yahoo! Cloud Serving Benchmark; every value that is read is looked at as a whole. */
import type { Tasks } from '@cxlpod/agent/protocol';
import { z } from 'zod';
import { showNs } from '../report/units.ts';
import type { Hand } from '../runs/crew/hand.ts';
import { quantilesOf } from '../traces/latency-log.ts';
import { medianOf } from './compare.ts';
import { all, draw, hireSpread, outlast, Tokens } from './heap-crew.ts';
import { type Figure, type HeapResult, perSecond, showPerSecond, showSpread } from './heap-result.ts';
import { checkStore, kvDeadlineMs, type Post, wrongAnswer } from './kv-check.ts';
import { spread } from './posts.ts';
import type { Workload, WorkloadContext } from './workload.ts';

/** A record of the history has so many for a key, a value that nobody records more than anybody writes. */
const versionLimits = { recorded: 2 ** 24, unrecorded: 2 ** 32 };

const parameters = z.strictObject({
  name: z.literal('kv'),
  mix: z.enum(['a', 'b', 'c', 'd', 'e', 'f']).default('a'),
  distribution: z.enum(['uniform', 'zipf']).default('zipf'),
  records: z.number().int().min(1).max(10_000_000).default(10_000),
  valueBytes: z.number().int().min(12).max(1_048_576).default(1_000),
  /** Each writes a partition of its own and reads them all. */
  clientsPerMachine: z.number().int().min(1).max(16).default(1),
  rounds: z.number().int().min(1).max(20).default(3),
  /** A round ends for a client after so many of its operations, or after so long. */
  operations: z.number().int().min(1).max(1_000_000_000).default(100_000),
  seconds: z.number().int().min(1).max(600).optional(),
  /** So many of a hundred updates delete instead. */
  deletePercent: z.number().int().min(0).max(100).default(0),
  /** Gets in the longest scan of mix E. */
  scanLength: z.number().int().min(1).max(10_000).default(100),
  /** Every operation goes into the history, for the check `linearizable`. Slower. */
  history: z.boolean().default(false),
  /** Leaves the store in the pool, so that the audit recounts it; the next run takes it away. */
  keep: z.boolean().default(false),
});

export type KvParameters = z.output<typeof parameters>;

export interface KvRound {
  /** Of the clients that lived from the beginning to the end, together. */
  readonly operations: number;
  readonly perSecond: number;
  /** Workers that were killed in it, whose successors claimed their partitions and did the same again. */
  readonly takenOver: readonly { readonly worker: string; readonly records: number; readonly operations: number }[];
}

export interface KvResult extends HeapResult {
  readonly rounds: readonly KvRound[];
}

interface Reader {
  hand: Hand;
  values: number;
}

const loadedVersion = 1;
const storeName = 'ycsb';

class Bench {
  readonly #wanted: KvParameters;
  readonly #context: WorkloadContext;
  readonly #posts: readonly Post[];
  /** Of machines that joined since the beginning: every partition has its writer, so they read. */
  readonly #readers: Reader[] = [];
  readonly #tokens: Tokens;
  readonly #common: { readonly store: string; readonly shape: Tasks['kv-load']['parameters']['shape'] } & Pick<
    KvParameters,
    'records' | 'valueBytes'
  >;

  constructor(wanted: KvParameters, context: WorkloadContext, hands: readonly Hand[]) {
    const { records, valueBytes } = wanted;
    this.#wanted = wanted;
    this.#context = context;
    this.#tokens = new Tokens(context);
    this.#posts = hands.map((hand, partition) => ({ hand, partition, nextVersion: loadedVersion + 1, ran: null }));
    const partitions = hands.length;
    const buckets = 2 ** Math.ceil(Math.log2(Math.max(1, records / partitions)));
    this.#common = { store: storeName, shape: { partitions, buckets }, records, valueBytes };
  }

  async run(): Promise<KvResult> {
    const { mix, rounds: wantedRounds, keep } = this.#wanted;
    // A run that was killed, or was told to keep its store, left one of another shape.
    await this.#remove('remove the store of an earlier run');
    await this.#load();
    const rounds: KvRound[] = [];
    let checked = 0;
    for (let round = 0; round < wantedRounds; round++) {
      await this.#welcome();
      this.#context.say(`kv: round ${round + 1} of ${wantedRounds}, mix ${mix.toUpperCase()}, clients: ${this.#posts.length}`);
      rounds.push(await this.#round(round));
      checked += this.#posts.reduce((sum, { ran }) => sum + ran!.checked, 0);
    }
    checked += await checkStore(this.#context, this.#posts, this.#common);
    if (!keep) await this.#remove('remove the store');
    return {
      rounds,
      checked: { what: 'values that were read and looked at as a whole', count: checked },
      figures: this.#figures(rounds),
    };
  }

  async #remove(label: string): Promise<void> {
    const first = this.#posts[0]!;
    const { hand } = await outlast(this.#context, first.hand, (each) =>
      each.task('kv-remove', { store: storeName }, { deadlineMs: kvDeadlineMs, label }),
    );
    first.hand = hand;
  }

  async #load(): Promise<void> {
    const { records, valueBytes } = this.#common;
    this.#context.say(`kv: loads ${records.toLocaleString('en-US')} records of ${valueBytes} bytes`);
    const loaded = await all(
      this.#posts.map(async (post) => {
        const task = { ...this.#common, claims: [post.partition], version: loadedVersion };
        const { hand, result } = await outlast(this.#context, post.hand, (each) =>
          each.task('kv-load', task, { deadlineMs: kvDeadlineMs, label: 'load' }),
        );
        post.hand = hand;
        return result.loaded;
      }),
    );
    const count = loaded.reduce((sum, each) => sum + each, 0);
    if (count !== records) throw wrongAnswer(`${count} of ${records} records were loaded`);
  }

  /** Machines that joined while the last round ran. */
  async #welcome(): Promise<void> {
    const { pod, crew } = this.#context;
    const known = [...this.#posts, ...this.#readers].map(({ hand }) => hand.post.machine);
    for (const { machine } of pod.machines) {
      if (known.includes(machine.name)) continue;
      const hand = await crew.hire({ machine: machine.name, worker: 'reader' });
      this.#readers.push({ hand, values: 0 });
    }
  }

  async #read(reader: Reader, round: number): Promise<void> {
    const task = { ...this.#share(0, round), claims: [], mix: 'c' as const, firstVersion: loadedVersion };
    const { hand, result } = await outlast(this.#context, reader.hand, (each) =>
      each.task('kv-run', task, { deadlineMs: kvDeadlineMs, label: 'YCSB C' }),
    );
    reader.hand = hand;
    reader.values += result.checked;
    draw(this.#context, hand, result.spans);
    if (result.flawCount > 0) throw wrongAnswer(`${hand.post.worker} read ${result.flawCount} wrong values: ${result.flaws[0]}`);
  }

  async #round(round: number): Promise<KvRound> {
    const { mix, distribution } = this.#wanted;
    const meetings = this.#tokens.meetings(this.#posts.length);
    const startS = Date.now() / 1000;
    const reading = all(this.#readers.map((reader) => this.#read(reader, round)));
    reading.catch(() => {});
    const ran = await all(
      this.#posts.map(async (post, index) => {
        const before = post.hand;
        const { hand, result } = await outlast(this.#context, before, (each) =>
          each.task(
            'kv-run',
            { ...this.#share(post.partition, round), ...this.#versions(post), meeting: meetings[index]! },
            { deadlineMs: kvDeadlineMs, label: `YCSB ${mix.toUpperCase()}` },
          ),
        );
        post.hand = hand;
        post.ran = result;
        post.nextVersion = result.lastVersion + 1;
        return { hand, result, isHeir: hand !== before };
      }),
    );
    await reading;
    const system = { tag: `kv-${mix}-${distribution}`, label: `KV store, YCSB ${mix.toUpperCase()}, ${distribution}` };
    for (const { hand, result } of ran) {
      draw(this.#context, hand, result.spans);
      this.#context.latencies.add(system, { startS, endS: Date.now() / 1000, latency: result.latency });
      if (result.flawCount > 0) {
        throw wrongAnswer(`${hand.post.worker} read ${result.flawCount} wrong values: ${result.flaws[0]}`);
      }
    }
    const lived = ran.filter(({ isHeir }) => !isHeir).map(({ result }) => result);
    const operations = lived.reduce((sum, result) => sum + result.operations, 0);
    return {
      operations,
      perSecond: perSecond(operations, Math.max(0, ...lived.map(({ elapsedNs }) => elapsedNs))),
      takenOver: ran
        .filter(({ isHeir }) => isHeir)
        .map(({ hand, result }) => ({
          worker: hand.post.worker,
          records: result.ownRecords,
          operations: result.operations,
        })),
    };
  }

  /**
   * Versions only grow. How many of its own a worker used nobody knows who takes its place, so all are spent unless it tells; half of those
   * that are left, so that there are some for every heir.
   */
  #versions(post: Post): { readonly firstVersion: number; readonly operations: number } {
    const { operations, history } = this.#wanted;
    const firstVersion = post.nextVersion;
    const left = (history ? versionLimits.recorded : versionLimits.unrecorded) - firstVersion;
    const versions = Math.min(operations, Math.floor(left / 2));
    post.nextVersion += versions;
    return { firstVersion, operations: versions };
  }

  #share(partition: number, round: number): Omit<Tasks['kv-run']['parameters'], 'firstVersion' | 'meeting'> {
    const { mix, distribution, operations, seconds, deletePercent, scanLength, history } = this.#wanted;
    return {
      ...this.#common,
      claims: [partition],
      mix,
      distribution: distribution === 'zipf' ? 'zipfian' : 'uniform',
      operations,
      seed: (this.#context.seed + 7919 * (partition + 1) + 104_729 * round) % 2 ** 32,
      deletePercent,
      scanLength,
      history,
      ...(seconds === undefined ? {} : { seconds }),
    };
  }

  #figures(rounds: readonly KvRound[]): Figure[] {
    const { mix, distribution, valueBytes } = this.#wanted;
    const clients = this.#posts.length;
    const whole = rounds.filter(({ takenOver }) => takenOver.length === 0);
    const rates = (whole.length > 0 ? whole : rounds).map((round) => round.perSecond);
    const who = whole.length > 0 ? 'all clients together' : 'the clients that lived, together';
    const { p50Ns, p99Ns, maxNs, callsPerSample } = quantilesOf(this.#context.latencies.countsOf(`kv-${mix}-${distribution}`));
    const takenOver = rounds.flatMap((round) => round.takenOver);
    return [
      {
        name: `YCSB ${mix.toUpperCase()}, ${distribution}, ${clients} client${clients === 1 ? '' : 's'}`,
        value: showPerSecond(medianOf(rates)),
        detail: `operations on values of ${valueBytes} bytes; ${showSpread(rates)} over ${rates.length} round${rates.length === 1 ? '' : 's'}, ${who}`,
      },
      {
        name: 'an operation takes',
        value: showNs(p50Ns),
        detail: `p99 ${showNs(p99Ns)}, at most ${showNs(maxNs)}; each sample the mean of ${callsPerSample}, with the look at every byte`,
      },
      ...this.#readers.map(({ hand, values }) => ({
        name: `${hand.post.machine} joined`,
        value: `${values.toLocaleString('en-US')} values read there`,
        detail: 'none was torn, or older than one seen before',
      })),
      ...takenOver.map(({ worker, records, operations }) => ({
        name: `an heir of ${worker}`,
        value: `${records.toLocaleString('en-US')} records taken over`,
        detail: `it claimed them and did ${operations.toLocaleString('en-US')} operations more; no value was torn, old or missing`,
      })),
    ];
  }
}

export const kv = {
  name: 'kv',
  sentence:
    'A KV store in the heap, each part written by one client and read by all, under a mix of the Yahoo! Cloud Serving Benchmark.',
  parameters,
  needs: { machines: 1, heap: true },
  posts: ({ clientsPerMachine }: KvParameters, machines: readonly string[]) =>
    spread('client', clientsPerMachine * machines.length, machines),
  async run(wanted: KvParameters, context: WorkloadContext): Promise<KvResult> {
    const hands = await hireSpread(context, 'client', wanted.clientsPerMachine * context.pod.machines.length);
    return new Bench(wanted, context, hands).run();
  },
} satisfies Workload<KvParameters, KvResult>;
