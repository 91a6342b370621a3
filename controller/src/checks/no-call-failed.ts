import { callsResultOf } from '../workload/result-of.ts';
import { type Check, invalid, unknown, valid } from './check.ts';

/** For faults that are no business of those who call. */
export const noCallFailed: Check = {
  name: 'no-call-failed',
  sentence: 'Every call was answered, at the first try and over the first connection.',
  check: ({ workload }) => {
    const result = callsResultOf({ workload });
    if (result === null) return unknown('The workload `calls` gave no result.');
    const { answered, wanted, failures } = result;
    const [first] = failures;
    if (first !== undefined)
      return invalid(`Call ${first.call} ended as ${first.code}, the first of ${failures.length}.`, { failures });
    if (answered !== wanted) return invalid(`${answered} of ${wanted} calls were answered.`, { answered, wanted });
    return valid(`${answered} calls were answered, and none failed.`, { answered });
  },
};
