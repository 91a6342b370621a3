import { type Check, invalid, valid } from './check.ts';
import { findingsOf, judgeHeap, tell } from './judge-heap.ts';

export const exactCounts: Check = {
  name: 'exact-counts',
  sentence: 'Every object of the heap counts exactly as many references as exist.',
  check: (evidence) =>
    judgeHeap(evidence, ({ heap, findings }) => {
      const wrong = findingsOf(findings, ['leak', 'over-counted', 'under-counted']);
      if (wrong.length > 0) return invalid(`Counts are wrong: ${tell(wrong)}.`, { ...heap, findings: wrong });
      return valid(`${heap.objects} counts are exact.`, { ...heap });
    }),
};
