import { type Check, invalid, unknown, valid } from './check.ts';
import { endsOf, lastWordsOf } from './read-calls.ts';

export const survivorsProgress: Check = {
  name: 'survivors-progress',
  sentence: 'Every client that was at work before a death completes something after it.',
  check: ({ history }) => {
    if (history === null) return unknown('The history could not be read.');
    const deaths = lastWordsOf(history.records);
    const death = deaths.at(-1);
    if (death === undefined) return unknown('Nobody wrote last words, so there are no survivors to look at.');
    const dead = new Set(deaths.map(({ machine, pid }) => `${machine}/${pid}`));
    const completed = endsOf(history.records).filter(
      ({ outcome, machine, pid }) => outcome === 'ok' && !dead.has(`${machine}/${pid}`),
    );
    const clients = (when: (ticket: number) => boolean): Set<number> =>
      new Set(completed.filter(({ ticket }) => when(ticket)).map(({ client }) => client));
    const before = clients((ticket) => ticket < deaths[0]!.ticket);
    const after = clients((ticket) => ticket > death.ticket);
    const stuck = [...before].filter((client) => !after.has(client));
    const facts = { before: [...before], after: [...after], stuck };
    if (before.size === 0) return unknown('No client had completed anything before the death.', facts);
    if (stuck.length > 0) return invalid(`Clients that completed nothing any more after the death: ${stuck.join(', ')}.`, facts);
    return valid(`All ${before.size} surviving clients that were at work before the death completed calls after it.`, facts);
  },
};
