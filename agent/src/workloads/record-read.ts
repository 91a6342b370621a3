import { monotonicNs } from '../pool/clock.ts';
import { AgentError } from '../protocol/agent-error.ts';
import { type ReadingManner, type ReadRecords, readingManners } from '../protocol/paper-tasks.ts';
import { integer, name, object } from '../protocol/shape.ts';
import type { Tasks } from '../protocol/tasks.ts';
import { type Connection, connect } from '../rpc/index.ts';
import type { Ref } from '../shm/index.ts';
import { heapOf } from './heap-of.ts';
import { Random } from './heap-random.ts';
import { waitFor } from './heap-wait.ts';
import { asks, recordsName, requestBytes, wordOf, writeRequest } from './records.ts';
import type { Workload } from './workload.ts';

type Parameters = Tasks['record-read']['parameters'];

const lineBytes = 64;
const referenceBytes = 4;
const fieldBytes = 4;

export const recordRead: Workload<'record-read'> = {
  parameters: object<Parameters>({
    service: name,
    records: integer(1, 4096),
    recordBytes: integer(64, 9_664),
    batches: integer(1, 10_000),
    readsPerBatch: integer(1, 100_000),
    seed: integer(0, 2 ** 32 - 1),
  }),
  run: (context, parameters) => {
    const { service, batches, readsPerBatch } = parameters;
    const deadlineMs = context.remainingMs();
    const connection = connect(context.core, service, { deadlineMs });
    const heap = heapOf(context.core);
    using table = waitFor(context, 'the records', () => heap.root(recordsName(service)));
    const reader = new Reader(connection, table, parameters, deadlineMs);
    try {
      const nsPerRead = readingManners.map((): number[] => []);
      for (let batch = 0; batch < batches; batch++) {
        for (const [index, manner] of readingManners.entries()) {
          const startNs = monotonicNs();
          for (let read = 0; read < readsPerBatch; read++) reader.read(manner);
          nsPerRead[index]!.push((monotonicNs() - startNs) / readsPerBatch);
          reader.readWhole(manner);
        }
      }
      const manners = readingManners.map(
        (manner, index): ReadRecords => ({
          manner,
          nsPerRead: nsPerRead[index]!,
          bytesPerRead: bytesOf(manner, parameters.recordBytes),
        }),
      );
      return { manners, wordsCompared: reader.wordsCompared };
    } finally {
      reader.close();
      connection.close();
    }
  },
};

function bytesOf(manner: ReadingManner, recordBytes: number): number {
  switch (manner) {
    case 'message-whole':
      return requestBytes + recordBytes;
    case 'message-field':
      return requestBytes + fieldBytes;
    case 'reference-whole':
      return requestBytes + referenceBytes + Math.ceil(recordBytes / lineBytes) * lineBytes;
    case 'reference-field':
      return requestBytes + referenceBytes + lineBytes;
    case 'load-field':
      return lineBytes;
  }
}

class Reader {
  wordsCompared = 0;
  readonly #connection: Connection;
  readonly #table: Ref;
  readonly #parameters: Parameters;
  readonly #deadlineMs: number;
  readonly #random: Random;
  /** What `load` reads from: held, so that nobody has to be asked. */
  readonly #held: readonly Ref[];
  readonly #words: readonly Uint32Array[];

  constructor(connection: Connection, table: Ref, parameters: Parameters, deadlineMs: number) {
    this.#connection = connection;
    this.#table = table;
    this.#parameters = parameters;
    this.#deadlineMs = deadlineMs;
    this.#random = new Random(parameters.seed);
    this.#held = Array.from({ length: parameters.records }, (_, record) => this.#acquire(record));
    this.#words = this.#held.map((ref) => this.#wordsOf(ref.bytes));
  }

  read(manner: ReadingManner): void {
    const record = this.#random.below(this.#parameters.records);
    const field = this.#random.below(this.#parameters.recordBytes >>> 2);
    this.#compare(record, field, this.#field(manner, record, field));
  }

  /** Not measured: every word of one record, as it came by `manner`. */
  readWhole(manner: ReadingManner): void {
    const record = this.#random.below(this.#parameters.records);
    const words = this.#whole(manner, record);
    for (let word = 0; word < words.length; word++) this.#compare(record, word, words[word]!);
  }

  close(): void {
    for (const ref of this.#held) ref.drop();
  }

  #field(manner: ReadingManner, record: number, field: number): number {
    if (manner === 'message-field') return this.#number(asks.field, record, field);
    if (manner === 'load-field') return Atomics.load(this.#words[record]!, field);
    if (manner !== 'reference-field') return this.#whole(manner, record)[field]!;
    using ref = this.#acquire(this.#number(asks.reference, record, field));
    return ref.view.getUint32(field * 4, true);
  }

  /** A copy of the reader's own: of the answer, or from where the record lies. */
  #whole(manner: ReadingManner, record: number): Uint32Array {
    if (manner === 'message-whole') return this.#wordsOf(this.#ask(asks.whole, record, 0).slice());
    using ref = this.#acquire(this.#number(asks.reference, record, 0));
    return this.#wordsOf(ref.bytes.slice());
  }

  #ask(ask: number, record: number, field: number): Uint8Array {
    return this.#connection.callSync((buffer) => writeRequest(buffer, { ask, record, field }), { deadlineMs: this.#deadlineMs });
  }

  #number(ask: number, record: number, field: number): number {
    const answer = this.#ask(ask, record, field);
    return new DataView(answer.buffer, answer.byteOffset, answer.byteLength).getUint32(0, true);
  }

  #acquire(record: number): Ref {
    const ref = this.#table.acquire(record);
    if (ref === undefined) throw wrong(`record ${record} is not there`);
    return ref;
  }

  #wordsOf(bytes: Uint8Array): Uint32Array {
    return new Uint32Array(bytes.buffer, bytes.byteOffset, this.#parameters.recordBytes >>> 2);
  }

  #compare(record: number, field: number, found: number): void {
    this.wordsCompared++;
    if (found !== wordOf(record, field)) throw wrong(`word ${field} of record ${record} is ${found}`);
  }
}

function wrong(cause: string): AgentError {
  return new AgentError('WRONG_ANSWER', 'a record is not what its owner wrote', { cause });
}
