import { heapResultOf } from '../workload/result-of.ts';
import { type Check, unknown, valid } from './check.ts';

/** A wrong answer ends the task, and with it the run; what is left to judge is that anything was compared at all. */
export const resultsChecked: Check = {
  name: 'results-checked',
  sentence: 'Whatever the workload computed or moved was compared with what it must be.',
  check: ({ workload }) => {
    const result = heapResultOf(workload);
    if (result === null) return unknown('The workload gave no result.');
    const { what, count } = result.checked;
    if (count === 0) return unknown('Nothing was compared.', { checked: result.checked });
    return valid(`${count.toLocaleString('en-US')} ${what}.`, { checked: result.checked });
  },
};
