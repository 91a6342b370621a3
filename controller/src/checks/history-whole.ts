import { type Check, invalid, unknown, valid } from './check.ts';
import { clientKey, endsByCall, invokesOf } from './read-calls.ts';
import { diedUnasked } from './the-dead.ts';

const agentKillers: readonly string[] = ['killAgent', 'killRecoverer'];

/** What the other checks stand on: without it they would judge a part of what happened. */
export const historyWhole: Check = {
  name: 'history-whole',
  sentence: 'The history has every call of every client that lived, begun and ended once.',
  check: ({ history, exits, faults, machines }) => {
    if (history === null) return unknown('The history could not be read.');
    const { records, unpublished, overflow, problems } = history;
    if (problems.length > 0) return invalid(`The bytes of the history are wrong: ${problems[0]}.`, { problems });
    if (overflow > 0) return unknown(`${overflow} records found no room in the history.`, { overflow });
    const killed = exits.filter((exit) => !exit.asked);
    // Those who recover write into it, too.
    const killedAgents = faults.filter(({ kind, seen }) => agentKillers.includes(kind) && seen !== null);
    if (unpublished.length > killed.length + killedAgents.length) {
      return invalid(`${unpublished.length} records were begun and never written, but only ${killed.length} workers died.`, {
        unpublished,
      });
    }
    if (records.length === 0) return unknown('The history of this run is empty.');
    const dead = diedUnasked({ exits, machines });
    const ends = endsByCall(records);
    const open = invokesOf(records).filter((invoke) => !dead.has(invoke) && (ends.get(clientKey(invoke)) ?? []).length === 0);
    if (open.length > 0) {
      return invalid(`${open.length} calls of living clients have no end, the first is call ${open[0]!.call}.`, {
        open: open.slice(0, 10),
      });
    }
    return valid(`${records.length} records; every call of a client that lived has its end.`, {
      records: records.length,
      unpublished: unpublished.length,
    });
  },
};
