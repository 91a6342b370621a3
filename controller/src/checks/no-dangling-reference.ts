import { type Check, invalid, valid } from './check.ts';
import { findingsOf, judgeHeap, tell } from './judge-heap.ts';

export const noDanglingReference: Check = {
  name: 'no-dangling-reference',
  sentence: 'Every reference in the heap leads to an object that lives.',
  check: (evidence) =>
    judgeHeap(evidence, ({ heap, findings }) => {
      const dangling = findingsOf(findings, ['dangling-reference']);
      if (dangling.length > 0)
        return invalid(`References lead to where no object lives: ${tell(dangling)}.`, { ...heap, findings: dangling });
      return valid(`Every reference leads to one of ${heap.objects} objects.`, { ...heap });
    }),
};
