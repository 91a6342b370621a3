import { exchanged } from '../workload/exchange.ts';
import { exchangeOf } from '../workload/result-of.ts';
import { type Check, invalid, unknown, valid } from './check.ts';

/** Table 1 of the paper, communication paradigm. */
export const passesByReference: Check = {
  name: 'passes-by-reference',
  sentence:
    'What goes from one machine to another by reference costs the same whatever its size, and less than a copy of the largest.',
  check: ({ workload }) => {
    const sizes = exchangeOf(workload)?.sizes ?? [];
    const [first, last] = [sizes[0], sizes.at(-1)];
    if (first === undefined || last === undefined || first === last) return unknown('Fewer than two sizes were passed.');
    const [small, large] = [first, last].map((each) => exchanged(each, 'reference-field'));
    const copied = exchanged(last, 'message-whole');
    const facts = { small, large, copied };
    if (large!.bytes !== small!.bytes) return invalid(`By reference ${small!.bytes} bytes move, then ${large!.bytes}.`, facts);
    if (large!.bytes >= copied.bytes || large!.ns >= copied.ns) {
      return invalid(
        `${last.recordBytes} bytes took ${Math.round(large!.ns)} ns by reference and ${Math.round(copied.ns)} by value.`,
        facts,
      );
    }
    return valid(
      `${large!.bytes} bytes and ${Math.round(large!.ns)} ns by reference, ${copied.bytes} bytes and ${Math.round(copied.ns)} ns by value.`,
      facts,
    );
  },
};
