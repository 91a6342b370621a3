import { callsResultOf } from '../workload/result-of.ts';
import { type Check, invalid, unknown, valid } from './check.ts';
import { endsOf, recoveredOf } from './read-calls.ts';
import { serverDeathsOf } from './the-dead.ts';

export const answeredAfterRestart: Check = {
  name: 'answered-after-restart',
  sentence: 'After the death of a server its successor answers, until every wanted call was answered.',
  check: (evidence) => {
    const result = callsResultOf(evidence);
    if (result === null) return unknown('The workload `calls` gave no result.');
    if (evidence.history === null) return unknown('The history could not be read.');
    const { records } = evidence.history;
    // Who ends with a machine has no last words; it was dead when it was recovered.
    const death = serverDeathsOf(evidence).at(-1) ?? recoveredOf(records).at(-1);
    if (death === undefined) return unknown('No server wrote last words, and nobody was recovered.');
    const after = endsOf(records).filter(
      ({ operation, outcome, ticket }) => operation === 'rpc-call' && outcome === 'ok' && ticket > death.ticket,
    ).length;
    const { answered, wanted } = result;
    const facts = { answered, wanted, answeredAfterDeath: after };
    if (answered !== wanted) return invalid(`${answered} of ${wanted} calls were answered.`, facts);
    if (after === 0) return invalid('No call was answered after the death of the server.', facts);
    return valid(`${after} of the ${answered} answered calls were answered after the death of the server.`, facts);
  },
};
