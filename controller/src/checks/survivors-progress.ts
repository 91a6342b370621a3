import type { HistoryRecord } from '@cxlpod/agent/history';
import { type Check, invalid, unknown, valid } from './check.ts';
import { endsOf } from './read-calls.ts';
import { deadClientsOf } from './the-dead.ts';

/** A death is where the dead left its last record: last words, or, of one that left none, whatever it was at. */
export const survivorsProgress: Check = {
  name: 'survivors-progress',
  sentence: 'Every client that was at work before a death completes something after it.',
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
    const stuck = [...before].filter((client) => !after.has(client));
    const facts = { deaths: deaths.size, before: [...before], after: [...after], stuck };
    if (before.size === 0) return unknown('No client had completed anything before the death.', facts);
    if (stuck.length > 0) return invalid(`Clients that completed nothing any more after the death: ${stuck.join(', ')}.`, facts);
    return valid(`All ${before.size} surviving clients that were at work before the death completed calls after it.`, facts);
  },
};

function processOf({ machine, pid }: HistoryRecord): string {
  return `${machine}/${pid}`;
}
