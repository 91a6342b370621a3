import { migrationOf } from '../workload/result-of.ts';
import { type Check, invalid, unknown, valid } from './check.ts';

/** Table 1 of the paper, architecture of data and state. */
export const migratesByMetadata: Check = {
  name: 'migrates-by-metadata',
  sentence: 'A partition changes its owner by as many bytes however large it is, and sooner than its records are copied.',
  check: ({ workload }) => {
    const sizes = migrationOf(workload)?.sizes ?? [];
    const [first, last] = [sizes[0], sizes.at(-1)];
    if (first === undefined || last === undefined || first === last) return unknown('Fewer than two sizes changed their owner.');
    // The fastest rounds: what another process did to a round says nothing about either.
    const [ownershipNs, copyNs] = [Math.min(...last.ownershipNs), Math.min(...last.copyNs)];
    const facts = { first, last };
    if (last.ownershipBytes !== first.ownershipBytes) {
      return invalid(`Ownership moved ${first.ownershipBytes} bytes, then ${last.ownershipBytes}.`, facts);
    }
    if (ownershipNs >= copyNs || last.ownershipBytes >= last.copyBytes) {
      return invalid(`${last.records} records: ${ownershipNs} ns by metadata, ${copyNs} ns by copying.`, facts);
    }
    return valid(
      `${last.records} records: ${last.ownershipBytes} bytes and ${Math.round(ownershipNs / 1e3)} µs by metadata, ${last.copyBytes} bytes and ${Math.round(copyNs / 1e3)} µs by copying.`,
      facts,
    );
  },
};
