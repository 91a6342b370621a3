/** Reads a history from its bytes: no core, no mapping; for the controller and for post-mortems. */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { crashPointName } from '../crash-points/index.ts';
import { constants, layout, layoutHash } from '../layout/index.ts';
import { operations, outcomes } from './record.ts';

export type HistoryRecord =
  | (RecordSource & { readonly kind: 'invoke'; readonly operation: string; readonly call: number; readonly argument: number })
  | (RecordSource & {
      readonly kind: 'end';
      readonly operation: string;
      readonly call: number;
      readonly outcome: string;
      readonly result: number;
    })
  /** The proof that a fault fired: written just before the SIGKILL. */
  | (RecordSource & { readonly kind: 'last-words'; readonly point: string; readonly hit: number })
  /** From here on nothing of this dead incarnation takes effect. Written by its recoverer; not by one that died just then. */
  | (RecordSource & { readonly kind: 'recovered'; readonly deadClient: number; readonly deadIncarnation: number });

interface RecordSource {
  /** Order of all records of all machines, from 0. */
  readonly ticket: number;
  readonly machine: number;
  readonly pid: number;
  /** -1 for a process that has not joined the pool. */
  readonly client: number;
  readonly incarnation: number;
}

export interface History {
  readonly records: readonly HistoryRecord[];
  /** Tickets whose writer died before it published, or that are still being written. */
  readonly unpublished: readonly number[];
  /** Records that found no room. */
  readonly overflow: number;
  readonly capacity: number;
  /** What is wrong with the bytes, as sentences. */
  readonly problems: readonly string[];
}

const { HistoryHeader: header, HistoryTicket: ticketLine, HistoryRecord: record } = layout;

/** Takes the whole file's bytes, or its beginning. */
export function readHistory(bytes: Uint8Array): History {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const records: HistoryRecord[] = [];
  const unpublished: number[] = [];
  const problems: string[] = [];
  const empty = { records, unpublished, overflow: 0, capacity: 0, problems };
  if (bytes.length < constants.HISTORY_RECORDS_OFFSET) {
    problems.push(`a history has at least ${constants.HISTORY_RECORDS_OFFSET} bytes, this one ${bytes.length}`);
    return empty;
  }
  const magic = view.getBigUint64(header.magic.offset, true);
  if (magic !== constants.HISTORY_MAGIC) {
    problems.push(`its first word is ${magic.toString(16)}: no history, or not formatted`);
    return empty;
  }
  const version = view.getBigUint64(header.layoutVersion.offset, true).toString(16).padStart(16, '0');
  if (version !== layoutHash) {
    problems.push(`it has layout ${version}, this reader means ${layoutHash}`);
    return empty;
  }
  const capacity = Number(view.getBigUint64(header.capacity.offset, true));
  const next = Number(view.getBigUint64(constants.HISTORY_TICKET_OFFSET + ticketLine.next.offset, true));
  const written = Math.min(next, capacity);
  const present = Math.floor((bytes.length - constants.HISTORY_RECORDS_OFFSET) / constants.HISTORY_RECORD_BYTES);
  if (written > present) problems.push(`${written} records were written, the bytes given hold ${present}`);

  for (let ticket = 0; ticket < Math.min(written, present); ticket++) {
    const at = constants.HISTORY_RECORDS_OFFSET + ticket * constants.HISTORY_RECORD_BYTES;
    const sequence = numberAt(view, at + record.sequence.offset);
    if (sequence === 0) {
      unpublished.push(ticket);
    } else if (sequence !== ticket + 1) {
      problems.push(`record ${ticket} says it is number ${sequence - 1}`);
    } else {
      const read = readRecord(view, at, ticket);
      if (typeof read === 'string') problems.push(read);
      else records.push(read);
    }
  }
  return { records, unpublished, overflow: Math.max(0, next - capacity), capacity, problems };
}

/** What the bytes of one published record say; a sentence when they say nothing that can be. Written out, since it is done for each of them. */
export function readRecord(view: DataView, at: number, ticket: number): HistoryRecord | string {
  const kind = view.getUint32(at + kindAt, true);
  const operation = view.getUint32(at + operationAt, true);
  const machine = view.getUint32(at + machineAt, true);
  const pid = view.getUint32(at + processAt, true);
  const client = view.getUint32(at + clientAt, true) - 1;
  const incarnation = view.getUint32(at + incarnationAt, true);
  const call = numberAt(view, at + callAt);
  const value = numberAt(view, at + valueAt);
  if (kind === constants.RECORD_LAST_WORDS) {
    const point = crashPointName(operation);
    if (point === undefined) return `record ${ticket} names crash point ${operation}, which does not exist`;
    return { ticket, machine, pid, client, incarnation, kind: 'last-words', point, hit: value };
  }
  if (kind === constants.RECORD_RECOVERED) {
    return { ticket, machine, pid, client, incarnation, kind: 'recovered', deadClient: call, deadIncarnation: value };
  }
  const named = operationNames[operation];
  if (named === undefined) return `record ${ticket} names operation ${operation}, which does not exist`;
  if (kind === constants.RECORD_INVOKE) {
    return { ticket, machine, pid, client, incarnation, kind: 'invoke', operation: named, call, argument: value };
  }
  if (kind !== constants.RECORD_END) return `record ${ticket} is of kind ${kind}, which does not exist`;
  const outcomeNumber = view.getUint32(at + outcomeAt, true);
  const outcome = outcomeNames[outcomeNumber];
  if (outcome === undefined) return `record ${ticket} has outcome ${outcomeNumber}, which does not exist`;
  return { ticket, machine, pid, client, incarnation, kind: 'end', operation: named, call, outcome, result: value };
}

const [kindAt, operationAt, outcomeAt] = [record.kind.offset, record.operation.offset, record.outcome.offset];
const [machineAt, processAt] = [record.machine.offset, record.process.offset];
const [clientAt, incarnationAt] = [record.client.offset, record.incarnation.offset];
const [callAt, valueAt] = [record.call.offset, record.value.offset];

/** Without a BigInt: histories have hundreds of thousands of them. */
function numberAt(view: DataView, offset: number): number {
  return view.getUint32(offset + 4, true) * 2 ** 32 + view.getUint32(offset, true);
}

const operationNames = namesByNumber(operations);
const outcomeNames = namesByNumber(outcomes);

function namesByNumber(table: Readonly<Record<string, number>>): readonly (string | undefined)[] {
  const names: (string | undefined)[] = [];
  for (const [name, number] of Object.entries(table)) names[number] = name;
  return names;
}

/** Reads the file as far as tickets were given; throws the system's error when it cannot be read. */
export function readHistoryFile(path: string): History {
  const file = openSync(path, 'r');
  try {
    const sizeBytes = fstatSync(file).size;
    const start = new Uint8Array(Math.min(sizeBytes, constants.HISTORY_RECORDS_OFFSET));
    readAll(file, start);
    if (start.length < constants.HISTORY_RECORDS_OFFSET) return readHistory(start);
    const next = new DataView(start.buffer).getBigUint64(constants.HISTORY_TICKET_OFFSET + ticketLine.next.offset, true);
    const room = Math.floor((sizeBytes - start.length) / constants.HISTORY_RECORD_BYTES);
    const count = next < BigInt(room) ? Number(next) : room;
    const bytes = new Uint8Array(start.length + count * constants.HISTORY_RECORD_BYTES);
    readAll(file, bytes);
    return readHistory(bytes);
  } finally {
    closeSync(file);
  }
}

function readAll(file: number, into: Uint8Array): void {
  for (let at = 0; at < into.length; ) {
    const read = readSync(file, into, at, into.length - at, at);
    if (read === 0) return;
    at += read;
  }
}
