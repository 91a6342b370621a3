import { type Check, invalid, unknown, valid } from './check.ts';
import { recoveredOf } from './read-calls.ts';

/** I8, as far as the history can tell: who writes a record after its recovery runs, and may write into memory that is no longer its own. */
export const fencedStaySilent: Check = {
  name: 'fenced-stay-silent',
  sentence: 'A client that was fenced and recovered is never heard of again.',
  check: ({ history }) => {
    if (history === null) return unknown('The history could not be read.');
    const recovered = new Map<string, number>();
    for (const { deadClient, deadIncarnation, ticket } of recoveredOf(history.records)) {
      const who = `${deadClient}/${deadIncarnation}`;
      if (!recovered.has(who)) recovered.set(who, ticket);
    }
    if (recovered.size === 0) return unknown('Nobody was recovered.');
    const heard = history.records.filter(
      ({ client, incarnation, ticket }) => ticket > (recovered.get(`${client}/${incarnation}`) ?? Number.POSITIVE_INFINITY),
    );
    const [first] = heard;
    if (first !== undefined) {
      const { client, incarnation, ticket } = first;
      return invalid(
        `Client ${client}, incarnation ${incarnation}, was recovered at ${recovered.get(`${client}/${incarnation}`)} and wrote again at ${ticket}.`,
        { heard: heard.slice(0, 10), count: heard.length },
      );
    }
    return valid(`${recovered.size} clients were recovered, and none of them was heard of again.`, { recovered: recovered.size });
  },
};
