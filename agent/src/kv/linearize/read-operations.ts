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
  const recoveries = recoveriesOf(records);
  const byKey = new Map<number, KvOperation[]>();
  const open = new Map<string, Begun>();
  const refused = new Set<KvOperation>();
  for (const record of records) {
    if ((record.kind !== 'invoke' && record.kind !== 'end') || !record.operation.startsWith('kv-')) continue;
    const id = `${record.machine}/${record.pid}/${record.client}/${record.incarnation}/${record.operation}/${record.call}`;
    if (record.kind === 'end') {
      const begun = open.get(id);
      if (begun === undefined) continue;
      open.delete(id);
      if (record.outcome === 'refused') refused.add(begun);
      if (record.outcome !== 'ok') continue;
      begun.answered = record.ticket;
      begun.isOpen = false;
      begun.to = Math.min(begun.to, record.ticket);
      if (begun.name === 'get') begun.value = record.result;
      continue;
    }
    const begun = beginOf(record, recoveries);
    open.set(id, begun);
    const key = Math.floor(record.argument / versionLimit);
    const known = byKey.get(key);
    if (known === undefined) byKey.set(key, [begun]);
    else known.push(begun);
  }
  if (refused.size > 0)
    for (const [key, begun] of byKey)
      byKey.set(
        key,
        begun.filter((each) => !refused.has(each)),
      );
  return byKey;
}

type Begun = { -readonly [Field in keyof KvOperation]: KvOperation[Field] };

/** What a dead client began takes effect before its recovery ends, or never; so does what it began when that was over. */
function beginOf(
  { ticket, machine, pid, client, incarnation, operation, argument }: Extract<HistoryRecord, { kind: 'invoke' }>,
  recoveries: ReadonlyMap<string, number>,
): Begun {
  const name = operation.slice('kv-'.length) as KvOperation['name'];
  const recovered = (recoveries.size === 0 ? undefined : recoveries.get(`${client}/${incarnation}`)) ?? null;
  return {
    kind: name === 'get' ? 'read' : 'write',
    name,
    value: name === 'put' ? argument % versionLimit : 0,
    from: ticket,
    to: recovered ?? Number.POSITIVE_INFINITY,
    isOpen: true,
    answered: null,
    recovered,
    machine,
    pid,
    client,
    incarnation,
  };
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
