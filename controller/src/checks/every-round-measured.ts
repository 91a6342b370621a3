import { comparisonOf } from '../workload/result-of.ts';
import { type Check, invalid, unknown, valid } from './check.ts';

const roundsNeeded = 5;

/** Without it a ratio would be of nothing. Slow is not wrong: no time is judged here. */
export const everyRoundMeasured: Check = {
  name: 'every-round-measured',
  sentence: 'Every system was measured in every one of at least five rounds.',
  check: (evidence) => {
    const comparison = comparisonOf(evidence.workload);
    if (comparison === null) return unknown('The workload compared nothing.');
    const { entries, rounds } = comparison;
    const { served } = evidence.workload!.result as { readonly served?: number };
    const empty = entries.filter(({ samples, perRoundP50Ns }) => samples === 0 || perRoundP50Ns.some((ns) => !(ns > 0)));
    if (empty.length > 0) return unknown(`Measured nothing: ${empty.map(({ label }) => label).join(', ')}.`, { empty });
    if (rounds < roundsNeeded) return unknown(`Only ${rounds} rounds were measured.`, { rounds });
    const samples = entries.reduce((sum, entry) => sum + entry.samples, 0);
    const calls = entries.reduce((sum, entry) => sum + entry.samples * entry.callsPerSample, 0);
    if (served === 0) return invalid('The callers were answered, but the servers executed nothing.', { served: 0 });
    return valid(`${entries.length} systems in ${rounds} rounds: ${samples} samples of ${calls} verified calls.`, {
      rounds,
      samples,
      calls,
    });
  },
};
