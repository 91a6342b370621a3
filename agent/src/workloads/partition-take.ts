import type { KvStore } from '../kv/index.ts';
import { monotonicNs } from '../pool/clock.ts';
import { AgentError } from '../protocol/agent-error.ts';
import { integer, object } from '../protocol/shape.ts';
import type { Tasks } from '../protocol/tasks.ts';
import { type Connection, connect } from '../rpc/index.ts';
import { storeOf } from './kv-store-of.ts';
import { KvValues } from './kv-values.ts';
import { movedPartition, moveRequestBytes, moves, movingParameters } from './partition-serve.ts';
import type { Workload } from './workload.ts';

type Parameters = Tasks['partition-take']['parameters'];

const lineBytes = 64;
const letGoAnswerBytes = 4;

/**
 * The same records change their owner twice over: with everything shared, the old owner lets go and the new one claims, which writes one
 * word; with nothing shared, every record is copied into a store of the new owner's own.
 */
export const partitionTake: Workload<'partition-take'> = {
  parameters: object<Parameters>({ ...movingParameters, rounds: integer(1, 1000) }),
  run: ({ core, remainingMs }, parameters) => {
    const { service, store: storeName, shape, rounds } = parameters;
    const connection = connect(core, service, { deadlineMs: remainingMs() });
    const take = new Take(
      connection,
      storeOf(core, storeName, shape),
      storeOf(core, copyOf(storeName), shape),
      parameters,
      remainingMs,
    );
    try {
      const ownershipNs: number[] = [];
      const copyNs: number[] = [];
      for (let round = 0; round < rounds; round++) {
        ownershipNs.push(take.ownership());
        copyNs.push(take.copy());
      }
      const { copyBytes, valuesChecked } = take;
      // Request and answer, and the line of the word that says who writes the partition.
      return { ownershipNs, ownershipBytes: moveRequestBytes + letGoAnswerBytes + lineBytes, copyNs, copyBytes, valuesChecked };
    } finally {
      connection.close();
    }
  },
};

export function copyOf(store: string): string {
  return `${store}-copy`;
}

class Take {
  /** Of one round. */
  copyBytes = 0;
  valuesChecked = 0;
  readonly #connection: Connection;
  readonly #shared: KvStore;
  readonly #own: KvStore;
  readonly #parameters: Parameters;
  readonly #remainingMs: () => number;
  readonly #values: KvValues;

  constructor(connection: Connection, shared: KvStore, own: KvStore, parameters: Parameters, remainingMs: () => number) {
    this.#connection = connection;
    this.#shared = shared;
    this.#own = own;
    this.#parameters = parameters;
    this.#remainingMs = remainingMs;
    this.#values = new KvValues(parameters.valueBytes);
    if (!own.claim(movedPartition)) throw wrong('the store of its own has another writer');
  }

  /** ns from asking to owning. */
  ownership(): number {
    const startNs = monotonicNs();
    this.#ask(moves.letGo, 0);
    const isOwner = this.#shared.claim(movedPartition);
    const tookNs = monotonicNs() - startNs;
    if (!isOwner) throw wrong('the partition was let go and cannot be claimed');
    this.#checkAll(this.#shared);
    // Who owns it writes it.
    this.#shared.put(0, this.#values.make(0, 1));
    this.#shared.letGo(movedPartition);
    this.#ask(moves.claim, 0);
    return tookNs;
  }

  /** ns until the last record is in the other store. */
  copy(): number {
    const { records, valueBytes } = this.#parameters;
    let bytes = 0;
    const startNs = monotonicNs();
    for (let key = 0; key < records; ) {
      const answer = this.#ask(moves.copy, key);
      if (answer.length === 0 || answer.length % valueBytes !== 0) throw wrong(`${answer.length} bytes came for key ${key}`);
      for (let at = 0; at < answer.length; at += valueBytes) this.#own.put(key++, answer.subarray(at, at + valueBytes));
      bytes += moveRequestBytes + answer.length;
    }
    const tookNs = monotonicNs() - startNs;
    this.copyBytes = bytes;
    this.#checkAll(this.#own);
    return tookNs;
  }

  #ask(move: number, key: number): Uint8Array {
    const write = (buffer: Uint8Array): number => {
      const view = new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength);
      view.setUint32(0, move, true);
      view.setUint32(4, key, true);
      return moveRequestBytes;
    };
    return this.#connection.callSync(write, { deadlineMs: this.#remainingMs() });
  }

  #checkAll(store: KvStore): void {
    for (let key = 0; key < this.#parameters.records; key++) {
      const flaw = this.#values.look(store, key);
      if (flaw !== '') throw wrong(`the value of key ${key} is ${flaw ?? 'missing'}`);
      this.valuesChecked++;
    }
  }
}

function wrong(cause: string): AgentError {
  return new AgentError('WRONG_ANSWER', 'the partition did not arrive as it was', { cause });
}
