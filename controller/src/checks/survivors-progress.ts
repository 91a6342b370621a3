import type { HistoryRecord } from '@cxlpod/agent/history';
import { type Check, invalid, unknown, valid } from './check.ts';
import { clientKey, endsByCall, endsOf, invokesOf } from './read-calls.ts';
import { deadClientsOf } from './the-dead.ts';

/**
 * A death is where the dead left its last record: last words, or, of one that left none, whatever it was at. A survivor that has nothing
 * open and began nothing after the last death had done its work by then: it says nothing.
 */
export const survivorsProgress: Check = {
  name: 'survivors-progress',
  sentence: 'Every client that was at work before a death, and had more to do, completes something after it.',
  check: (evidence) => {
    if (evidence.history === null) return unknown('The history could not be read.');
    const { records } = evidence.history;
    const dead = deadClientsOf(evidence);
    const deaths = new Map<string, number>();
    for (const record of records) {
      if (record.kind !== 'recovered' && dead.has(record)) deaths.set(processOf(record), record.ticket);
    }
    if (deaths.size === 0) return unknown('Nobody who is in the history died, so there are no survivors to look at.');
    const first = Math.min(...deaths.values());
    const last = Math.max(...deaths.values());
    const completed = endsOf(records).filter((end) => end.outcome === 'ok' && !dead.has(end));
    const clients = (when: (ticket: number) => boolean): Set<number> =>
      new Set(completed.filter(({ ticket }) => when(ticket)).map(({ client }) => client));
    const before = clients((ticket) => ticket < first);
    const after = clients((ticket) => ticket > last);
    const atWork = stillAtWork(records, last);
    const silent = [...before].filter((client) => !after.has(client));
    const stuck = silent.filter((client) => atWork.has(client));
    const done = silent.filter((client) => !atWork.has(client));
    const facts = { deaths: deaths.size, before: [...before], after: [...after], stuck, done };
    if (before.size === 0) return unknown('No client had completed anything before the death.', facts);
    if (stuck.length > 0) return invalid(`Clients that completed nothing any more after the death: ${stuck.join(', ')}.`, facts);
    if (done.length === before.size) return unknown('All survivors had done their work before the last death.', facts);
    const rest = done.length === 0 ? '' : `; ${done.length} had done their work by then`;
    return valid(
      `${before.size - done.length} surviving clients that were at work before the death completed calls after it${rest}.`,
      facts,
    );
  },
};

/** Those that began or ended anything after this ticket, or had something open then that never ended. */
function stillAtWork(records: readonly HistoryRecord[], ticket: number): ReadonlySet<number> {
  const ends = endsByCall(records);
  const late = [...invokesOf(records), ...endsOf(records)].filter((record) => record.ticket > ticket);
  const open = invokesOf(records).filter((invoke) => !ends.has(clientKey(invoke)));
  return new Set([...late, ...open].map(({ client }) => client));
}

function processOf({ machine, pid }: HistoryRecord): string {
  return `${machine}/${pid}`;
}
