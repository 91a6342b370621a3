/** Who died in a run, by all that says so: last words, exits that nobody asked for, machines that ended, recoveries. */
import type { HistoryRecord } from '@cxlpod/agent/history';
import type { Evidence } from '../runs/evidence.ts';
import { type LastWords, lastWordsOf, recoveredOf } from './read-calls.ts';

type Who = Pick<HistoryRecord, 'machine' | 'pid' | 'client' | 'incarnation'>;

export interface TheDead {
  has(who: Who): boolean;
  /** Client ids, of whatever incarnation. */
  readonly ids: ReadonlySet<number>;
}

export function deadClientsOf({ history, exits, recoveries, machines }: Evidence): TheDead {
  const records = history?.records ?? [];
  const recovered = recoveredOf(records).map(({ deadClient: id, deadIncarnation: incarnation }) => ({ id, incarnation }));
  const ofMachines = recoveries.filter(({ state }) => state === 'recovered' || state === 'pending');
  const fenced = exits.flatMap((exit) => (exit.fenced === null ? [] : [exit.fenced]));
  const clients = new Set([...recovered, ...ofMachines, ...fenced].map(({ id, incarnation }) => `${id}/${incarnation}`));
  const processes = new Set([
    ...lastWordsOf(records).map(({ machine, pid }) => `${machine}/${pid}`),
    ...exits.filter(({ asked }) => !asked).map(({ machine, pid }) => `${machines.indexOf(machine) + 1}/${pid}`),
  ]);
  const has = ({ machine, pid, client, incarnation }: Who): boolean =>
    processes.has(`${machine}/${pid}`) || clients.has(`${client}/${incarnation}`);
  const ids = new Set([...recovered, ...ofMachines, ...fenced].map(({ id }) => id));
  for (const record of records) if (record.kind !== 'recovered' && has(record)) ids.add(record.client);
  return { has, ids };
}

/** Last words of servers of `calls`, in order: callers die as well, and agents that recover. */
export function serverDeathsOf({ history, exits, machines }: Evidence): readonly LastWords[] {
  const servers = exits.filter(({ worker, asked }) => worker === 'server' && !asked);
  return lastWordsOf(history?.records ?? []).filter(({ machine, pid }) =>
    servers.some((exit) => exit.pid === pid && machines.indexOf(exit.machine) + 1 === machine),
  );
}
