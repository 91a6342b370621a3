import { type Check, invalid, valid } from './check.ts';
import { recoveredOf } from './read-calls.ts';

/** For runs in which nobody dies: whoever is slow, under whatever load, is not dead. */
export const nobodyFenced: Check = {
  name: 'nobody-fenced',
  sentence: 'Nobody is fenced or recovered who was not killed: slow is not dead.',
  check: ({ exits, recoveries, history }) => {
    const fenced = [
      ...exits.flatMap(({ worker, machine, fenced: client }) => (client === null ? [] : [`${worker} on ${machine}`])),
      ...recoveries
        .filter(({ state, fencedAt }) => state === 'recovered' || fencedAt !== null)
        .map(({ id, machine }) => `client ${id} of ${machine}`),
      ...recoveredOf(history?.records ?? []).map(
        ({ deadClient, deadIncarnation }) => `client ${deadClient}, incarnation ${deadIncarnation}`,
      ),
    ];
    const suspected = recoveries.length;
    if (fenced.length > 0) return invalid(`Fenced or recovered: ${fenced.join('; ')}.`, { fenced, suspected });
    return valid(
      suspected === 0 ? 'Nobody was suspected.' : `${suspected} were suspected, since they were slow; nobody was fenced.`,
      { suspected },
    );
  },
};
