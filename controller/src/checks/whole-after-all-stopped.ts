import { heapFailureOf } from '../workload/result-of.ts';
import { type Check, invalid, unknown, valid } from './check.ts';

export const wholeAfterAllStopped: Check = {
  name: 'whole-after-all-stopped',
  sentence: 'Whoever opens a heap after everybody stopped finds it whole, and in it what the dead had left.',
  check: ({ workload }) => {
    const systems = heapFailureOf(workload)?.systems ?? [];
    const restarted = systems.flatMap(({ label, restart }) => (restart === null ? [] : [{ label, ...restart }]));
    if (restarted.length === 0) return unknown('Nobody came after all had stopped.');
    const facts = { restarted };
    const damaged = restarted.find(({ problems }) => problems.length > 0);
    if (damaged !== undefined) return invalid(`${damaged.label}: ${damaged.problems[0]}.`, facts);
    const lost = restarted.find(({ found, wanted }) => found < wanted);
    if (lost !== undefined)
      return invalid(`${lost.label}: ${lost.found} of ${lost.wanted} objects of the dead are there.`, facts);
    const leaked = restarted.find(({ left }) => left > 0);
    if (leaked !== undefined) return invalid(`${leaked.label}: ${leaked.left} are left after all was dropped.`, facts);
    return valid(`Whole, with what the dead had left: ${restarted.map(({ label }) => label).join(', ')}.`, facts);
  },
};
