import { callsResultOf } from '../workload/result-of.ts';
import { type Check, invalid, unknown, valid } from './check.ts';

const nsPerMs = 1e6;

export const toldInTime: Check = {
  name: 'told-in-time',
  sentence: 'Every call that failed was told so within its deadline.',
  check: (evidence) => {
    const result = callsResultOf(evidence);
    if (result === null) return unknown('The workload `calls` gave no result.');
    const { failures, callDeadlineMs } = result;
    if (failures.length === 0) return unknown('No call failed, so nothing was to be told.');
    const waited = failures.map(({ call, startNs, endNs }) => ({ call, ms: (endNs - startNs) / nsPerMs }));
    const slowest = waited.reduce((a, b) => (b.ms > a.ms ? b : a));
    const facts = { waited, callDeadlineMs };
    const sentence = `Call ${slowest.call} was told after ${slowest.ms.toFixed(1)} ms; its deadline was ${callDeadlineMs} ms`;
    return slowest.ms <= callDeadlineMs ? valid(`${sentence}.`, facts) : invalid(`${sentence}: too late.`, facts);
  },
};
