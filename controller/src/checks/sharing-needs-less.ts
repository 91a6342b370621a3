import { poolingOf } from '../workload/result-of.ts';
import { type Check, invalid, unknown, valid } from './check.ts';

/** Table 1 of the paper, relationship of computing and memory. */
export const sharingNeedsLess: Check = {
  name: 'sharing-needs-less',
  sentence:
    'A shared pool grants all of a demand with less memory than partitions need; partitions of its size refuse some of it.',
  check: ({ workload }) => {
    const result = poolingOf(workload);
    if (result === null) return unknown('Nothing was demanded.');
    const { sharedNeedBytes, partitionedNeedBytes, refusedShared, refusedPartitioned, refusedLargePartitions } = result;
    const facts = { sharedNeedBytes, partitionedNeedBytes, refusedShared, refusedPartitioned, refusedLargePartitions };
    if (refusedShared > 0) return unknown('The pool is too small for the demand, so its need is not known.', facts);
    if (refusedLargePartitions > 0) return unknown('Partitions of the largest demand refused some of it.', facts);
    if (sharedNeedBytes >= partitionedNeedBytes || refusedPartitioned === 0) {
      return invalid(
        `Shared needs ${sharedNeedBytes} bytes, partitioned ${partitionedNeedBytes}; partitions of the shared need refused ${refusedPartitioned}.`,
        facts,
      );
    }
    const percent = Math.round((1 - sharedNeedBytes / partitionedNeedBytes) * 100);
    return valid(
      `${percent} % less memory for the same demand; partitions of that size refused ${refusedPartitioned} bytes.`,
      facts,
    );
  },
};
