import { type Check, invalid, unknown, valid } from './check.ts';

const namedProblems = 3;

export const poolSound: Check = {
  name: 'pool-sound',
  sentence: 'The audit, which recounts everything from the bytes, finds nothing wrong with the pool.',
  check: ({ pool }) => {
    if (pool === null) return unknown('The pool could not be read.');
    const { problems } = pool;
    if (problems.length === 0) return valid('The audit read the pool from its bytes and found no problem.');
    const more = problems.length > namedProblems ? `, and ${problems.length - namedProblems} more` : '';
    return invalid(`The audit found ${problems.length}: ${problems.slice(0, namedProblems).join('; ')}${more}.`, { problems });
  },
};
