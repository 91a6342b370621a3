/** Who died in a run, by all that says so: last words, exits that nobody asked for, machines that ended, recoveries. */
import type { HistoryRecord } from '@cxlpod/agent/history';
import type { Evidence, SeenExit } from '../runs/evidence.ts';
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
  const spoke = processesOf(lastWordsOf(records));
  const died = diedUnasked({ exits, machines });
  const has = (who: Who): boolean => spoke.has(who) || died.has(who) || clients.has(`${who.client}/${who.incarnation}`);
  const ids = new Set([...recovered, ...ofMachines, ...fenced].map(({ id }) => id));
  for (const record of records) if (record.kind !== 'recovered' && has(record)) ids.add(record.client);
  return { has, ids };
}

type Process = Pick<HistoryRecord, 'machine' | 'pid'>;

/** By machine and number: each machine numbers its processes by itself, and those of two often have the same. */
export function processesOf(each: readonly Process[]): { has(process: Process): boolean } {
  const keys = new Set(each.map(({ machine, pid }) => `${machine}/${pid}`));
  return { has: ({ machine, pid }) => keys.has(`${machine}/${pid}`) };
}

/** Worker processes that ended, and nobody had asked them to. */
export function diedUnasked({ exits, machines }: Pick<Evidence, 'exits' | 'machines'>): ReturnType<typeof processesOf> {
  return processesOf(exits.filter(({ asked }) => !asked).map((exit) => processOf(exit, machines)));
}

/** As records of the history name it. */
export function processOf({ machine, pid }: Pick<SeenExit, 'machine' | 'pid'>, machines: readonly string[]): Process {
  return { machine: machines.indexOf(machine) + 1, pid };
}

/** Last words of servers of `calls`, in order: callers die as well, and agents that recover. */
export function serverDeathsOf({ history, exits, machines }: Evidence): readonly LastWords[] {
  const servers = diedUnasked({ exits: exits.filter(({ worker }) => worker === 'server'), machines });
  return lastWordsOf(history?.records ?? []).filter((words) => servers.has(words));
}
