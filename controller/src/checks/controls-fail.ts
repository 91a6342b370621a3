import { naiveCountingOf } from '../workload/result-of.ts';
import { type Check, invalid, unknown, valid } from './check.ts';

/** What a death between two steps must leave, by the order of the steps. */
const expected = { leaks: /is leaked|has a wrong count/, dangles: /dangling reference/ } as const;

export const controlsFail: Check = {
  name: 'controls-fail',
  sentence: 'Counting in two steps leaks in one order and dangles in the other, and the audit sees it.',
  check: ({ workload }) => {
    const controls = naiveCountingOf(workload)?.controls ?? null;
    if (controls === null || controls.length === 0) return unknown('No control was run.');
    const clean = controls.find(({ order, problems }) => !problems.some((problem) => expected[order].test(problem)));
    if (clean !== undefined) {
      return invalid(`The control came out clean: the order that ${clean.order} left ${clean.problems[0] ?? 'nothing'}.`, {
        controls,
      });
    }
    return valid(`Seen: ${controls.map(({ problems }) => problems[0]).join('; ')}.`, { controls });
  },
};
