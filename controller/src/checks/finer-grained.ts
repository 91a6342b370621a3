import { exchanged } from '../workload/exchange.ts';
import { exchangeOf } from '../workload/result-of.ts';
import { type Check, invalid, unknown, valid } from './check.ts';

/** Table 1 of the paper, interface. */
export const finerGrained: Check = {
  name: 'finer-grained',
  sentence:
    'One field is read by one load, which moves a line, whatever the size of the record; a message costs a call at least.',
  check: ({ workload }) => {
    const sizes = exchangeOf(workload)?.sizes ?? [];
    if (sizes.length === 0) return unknown('Nothing was read.');
    for (const size of sizes) {
      const [load, field, whole] = (['load-field', 'message-field', 'message-whole'] as const).map((each) =>
        exchanged(size, each),
      );
      const facts = { recordBytes: size.recordBytes, load, field, whole };
      if (load!.bytes >= whole!.bytes) {
        return invalid(
          `A load of a record of ${size.recordBytes} bytes moves ${load!.bytes}, the message ${whole!.bytes}.`,
          facts,
        );
      }
      if (load!.ns >= field!.ns) {
        return invalid(`A load took ${Math.round(load!.ns)} ns, a call for the same field ${Math.round(field!.ns)}.`, facts);
      }
    }
    const last = sizes.at(-1)!;
    const [load, whole] = [exchanged(last, 'load-field'), exchanged(last, 'message-whole')];
    return valid(`${load.bytes} bytes instead of ${whole.bytes} for a field of ${last.recordBytes} bytes.`, { load, whole });
  },
};
