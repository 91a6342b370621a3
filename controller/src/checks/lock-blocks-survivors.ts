import { rateOf } from '../workload/heap-failure.ts';
import { heapFailureOf } from '../workload/result-of.ts';
import { type Check, invalid, unknown, valid } from './check.ts';

/** The negative control: if even the lock did not block, the death was not where it was meant to be. */
export const lockBlocksSurvivors: Check = {
  name: 'lock-blocks-survivors',
  sentence: 'A client that dies with the lock of the heap it is compared with ends the work of the others.',
  check: ({ workload }) => {
    const survival = heapFailureOf(workload)?.systems.find(({ system }) => system === 'lock')?.survival ?? null;
    if (survival === null) return unknown('Nobody was watched in the heap with a lock.');
    const { before, after, blocked } = survival;
    const facts = { before, after, blocked };
    if (before.operations === 0) return unknown('The survivor did nothing before the death.', facts);
    if (after.ms === 0) return unknown('The survivor was not watched after the death.', facts);
    if (after.operations > 0 || blocked === 0) {
      return invalid(
        `The control came out clean: ${after.operations} operations after the death, refused ${blocked} times.`,
        facts,
      );
    }
    const rate = Math.round(rateOf(before)).toLocaleString('en-US');
    return valid(
      `${rate} operations a second before the death, none in the ${Math.round(after.ms)} ms after it was seen; refused ${blocked} times.`,
      facts,
    );
  },
};
