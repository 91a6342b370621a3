import { type Check, invalid, valid } from './check.ts';
import { findingsOf, judgeHeap, tell } from './judge-heap.ts';

export const noLeak: Check = {
  name: 'no-leak',
  sentence:
    'Every object of the heap is referred to, and reachable from a root, a queue or a named root; what nobody needs came back.',
  check: (evidence) =>
    judgeHeap(evidence, ({ heap, findings }) => {
      const leaks = findingsOf(findings, ['leak', 'over-counted']);
      const facts = { ...heap, findings: leaks };
      if (leaks.length > 0) return invalid(`The heap leaks: ${tell(leaks)}.`, facts);
      if (heap.unreachable > 0) {
        return invalid(
          `${heap.unreachable} of ${heap.objects} objects are in cycles that nothing leads to, or hang on one.`,
          facts,
        );
      }
      return valid(`All ${heap.objects} objects of the heap are reachable.`, facts);
    }),
};
