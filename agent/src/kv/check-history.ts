/**
 * Whether a history of a store is linearizable, key by key. A key has one writer at a time and its versions only grow, so the question is
 * decidable in one pass: each get is given the oldest version that it can have seen.
 */
import type { HistoryRecord } from '../history/read.ts';

/** Versions that fit beside a key in one number of a record. */
export const versionLimit = 2 ** 24;

/** What the records of puts, gets and deletes carry as argument; a get has version 0. */
export function kvArgument(key: number, version: number): number {
  return key * versionLimit + version;
}

interface Write {
  readonly version: number;
  readonly isDelete: boolean;
  readonly invoked: number;
  /** Infinity for one that was never answered: it may take effect at any time, or never. */
  ended: number;
}

interface Read {
  /** 0: there was no value. */
  version: number;
  readonly invoked: number;
  ended: number;
}

interface Register {
  readonly writes: Write[];
  readonly reads: Read[];
}

/** In sentences. Records of other operations are passed over; so are gets that were never answered. */
export function kvProblems(
  records: readonly HistoryRecord[],
  { loadedVersion = 0 }: { /** Of every key before the history begins; 0 for no value. */ readonly loadedVersion?: number } = {},
): readonly string[] {
  const registers = registersOf(records);
  return [...registers].flatMap(([key, register]) => problemsOf(key, register, loadedVersion));
}

function registersOf(records: readonly HistoryRecord[]): Map<number, Register> {
  const registers = new Map<number, Register>();
  const open = new Map<string, Write | Read>();
  for (const record of records) {
    if ((record.kind !== 'invoke' && record.kind !== 'end') || !record.operation.startsWith('kv-')) continue;
    const id = `${record.client}/${record.incarnation}/${record.call}`;
    if (record.kind === 'end') {
      const pending = open.get(id);
      if (pending === undefined) continue;
      open.delete(id);
      if (record.outcome !== 'ok') continue;
      pending.ended = record.ticket;
      if ('isDelete' in pending) continue;
      pending.version = record.result;
      continue;
    }
    const key = Math.floor(record.argument / versionLimit);
    const register = registers.get(key) ?? { writes: [], reads: [] };
    registers.set(key, register);
    const invoked = record.ticket;
    const version = record.argument % versionLimit;
    if (record.operation === 'kv-get') {
      const read: Read = { version: 0, invoked, ended: Number.POSITIVE_INFINITY };
      register.reads.push(read);
      open.set(id, read);
    } else {
      const isDelete = record.operation === 'kv-delete';
      const write: Write = { version, isDelete, invoked, ended: Number.POSITIVE_INFINITY };
      register.writes.push(write);
      open.set(id, write);
    }
  }
  return registers;
}

function problemsOf(key: number, { writes, reads }: Register, loadedVersion: number): readonly string[] {
  const problems: string[] = [];
  const line: Write[] = [{ version: loadedVersion, isDelete: loadedVersion === 0, invoked: -1, ended: -1 }, ...writes];
  for (const [index, write] of line.entries()) {
    const before = line[index - 1];
    if (before !== undefined && write.version <= before.version) {
      problems.push(`key ${key}: version ${write.version} was written after version ${before.version}`);
    }
  }
  if (problems.length > 0) return problems;

  // By place, the earliest end from there on: ascending, so that the newest write answered before a ticket is found by halving.
  const leastEndedFrom = line.map(({ ended }) => ended);
  for (let index = line.length - 2; index >= 0; index--) {
    leastEndedFrom[index] = Math.min(leastEndedFrom[index]!, leastEndedFrom[index + 1]!);
  }
  const done = reads.filter(({ ended }) => ended !== Number.POSITIVE_INFINITY).sort((a, b) => a.ended - b.ended);
  /** Of the reads that are judged, in the order of their ends: the place in the line that each is given, made to grow. */
  const given: { readonly ended: number; readonly place: number }[] = [];
  for (const read of done) {
    const least = Math.max(lastBelow(leastEndedFrom, read.invoked), lastGiven(given, read.invoked));
    const place = firstSeen(line, least, read);
    if (place < 0) {
      const saw = read.version === 0 ? 'no value' : `version ${read.version}`;
      problems.push(
        `key ${key}: a get from ${read.invoked} to ${read.ended} saw ${saw}, when version ${line[least]!.version} or a later one was there`,
      );
      continue;
    }
    given.push({ ended: read.ended, place: Math.max(place, given.at(-1)?.place ?? 0) });
  }
  return problems;
}

function isSeen(write: Write, read: Read): boolean {
  return write.isDelete ? read.version === 0 : read.version === write.version;
}

/** The oldest write from `least` on that the read can have seen; -1 when there is none. */
function firstSeen(line: readonly Write[], least: number, read: Read): number {
  for (let place = least; place < line.length && line[place]!.invoked < read.ended; place++) {
    if (isSeen(line[place]!, read)) return place;
  }
  return -1;
}

/** Place of the last number below `limit` in an ascending list; -1 when there is none. */
function lastBelow(ascending: readonly number[], limit: number): number {
  let low = 0;
  let high = ascending.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (ascending[middle]! < limit) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** What a get that was answered before this ticket has seen at the least. */
function lastGiven(given: readonly { readonly ended: number; readonly place: number }[], ticket: number): number {
  let low = 0;
  let high = given.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (given[middle]!.ended < ticket) low = middle + 1;
    else high = middle;
  }
  return low === 0 ? 0 : given[low - 1]!.place;
}
