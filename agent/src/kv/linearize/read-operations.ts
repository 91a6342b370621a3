/** From the records of a history to what was done to each key. */
import type { HistoryRecord } from '../../history/read.ts';
import type { Operation } from './operation.ts';

/** Versions that fit beside a key in one number of a record. */
export const versionLimit = 2 ** 24;

/** What the records of puts, gets and deletes carry as argument; a get has version 0. */
export function kvArgument(key: number, version: number): number {
  return key * versionLimit + version;
}

/** A put, get or delete; `from` and `to` are tickets. */
export interface KvOperation extends Operation {
  readonly name: 'put' | 'get' | 'delete';
  readonly machine: number;
  readonly pid: number;
  readonly client: number;
  readonly incarnation: number;
  /** When it was answered; null: never. */
  readonly answered: number | null;
  /** When the recovery of its client ended; null: never, or nobody says so. */
  readonly recovered: number | null;
}

/** Records of other operations are passed over, and operations that were refused: those changed nothing. */
export function readOperations(records: readonly HistoryRecord[]): Map<number, KvOperation[]> {
  const recovered = recoveriesOf(records);
  const byKey = new Map<number, Begun[]>();
  const open = new Map<string, Begun>();
  for (const record of records) {
    if ((record.kind !== 'invoke' && record.kind !== 'end') || !record.operation.startsWith('kv-')) continue;
    const id = `${record.machine}/${record.pid}/${record.client}/${record.incarnation}/${record.operation}/${record.call}`;
    if (record.kind === 'end') {
      const begun = open.get(id);
      if (begun === undefined) continue;
      open.delete(id);
      if (record.outcome === 'refused') begun.name = null;
      if (record.outcome !== 'ok') continue;
      begun.answered = record.ticket;
      if (begun.name === 'get') begun.value = record.result;
      continue;
    }
    const key = Math.floor(record.argument / versionLimit);
    const name = record.operation.slice('kv-'.length) as KvOperation['name'];
    const value = name === 'put' ? record.argument % versionLimit : 0;
    const { ticket: from, machine, pid, client, incarnation } = record;
    const begun: Begun = { name, value, from, answered: null, machine, pid, client, incarnation };
    open.set(id, begun);
    const known = byKey.get(key);
    if (known === undefined) byKey.set(key, [begun]);
    else known.push(begun);
  }
  return new Map([...byKey].map(([key, begun]) => [key, begun.flatMap((each) => finished(each, recovered))]));
}

interface Begun extends Omit<KvOperation, 'kind' | 'name' | 'value' | 'to' | 'isOpen' | 'answered' | 'recovered'> {
  /** Null: refused. */
  name: KvOperation['name'] | null;
  value: number;
  answered: number | null;
}

/** What a dead client began takes effect before its recovery ends, or never; so does what it began when that was over. */
function finished({ name, value, answered, ...rest }: Begun, recoveries: ReadonlyMap<string, number>): KvOperation[] {
  if (name === null) return [];
  const recovered = recoveries.get(`${rest.client}/${rest.incarnation}`) ?? null;
  const to = Math.min(answered ?? Number.POSITIVE_INFINITY, recovered ?? Number.POSITIVE_INFINITY);
  const kind = name === 'get' ? 'read' : 'write';
  return [{ ...rest, kind, name, value, to, isOpen: answered === null, answered, recovered }];
}

/** By client and incarnation, the ticket at which nothing of it could take effect any more. */
function recoveriesOf(records: readonly HistoryRecord[]): ReadonlyMap<string, number> {
  const recoveries = new Map<string, number>();
  for (const record of records) {
    if (record.kind !== 'recovered') continue;
    const who = `${record.deadClient}/${record.deadIncarnation}`;
    if (!recoveries.has(who)) recoveries.set(who, record.ticket);
  }
  return recoveries;
}
