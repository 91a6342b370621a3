import { rateOf } from '../workload/heap-failure.ts';
import { heapFailureOf } from '../workload/result-of.ts';
import { type Check, invalid, unknown, valid } from './check.ts';

export const heapGoesOn: Check = {
  name: 'heap-goes-on',
  sentence: 'A client of CXL-SHM that lives works on when another one dies inside an operation.',
  check: ({ workload }) => {
    const survival = heapFailureOf(workload)?.systems.find(({ system }) => system === 'cxl-shm')?.survival ?? null;
    if (survival === null) return unknown('Nobody was watched in CXL-SHM.');
    const { before, after, longestStallNs } = survival;
    const facts = { before, after, longestStallNs };
    if (before.operations === 0) return unknown('The survivor did nothing before the death.', facts);
    if (after.ms === 0) return unknown('The survivor was not watched after the death.', facts);
    if (after.operations === 0) return invalid(`No operation in the ${Math.round(after.ms)} ms after the death was seen.`, facts);
    const [rateBefore, rateAfter] = [before, after].map((each) => Math.round(rateOf(each)).toLocaleString('en-US'));
    return valid(`${rateBefore} operations a second before the death, ${rateAfter} after it.`, facts);
  },
};
