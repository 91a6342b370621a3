import type { EndedProgram } from '../workload/program.ts';
import { programResultOf } from '../workload/result-of.ts';
import { type Check, invalid, unknown, valid } from './check.ts';

/** Always checked where a program of the user ran. */
export const programSucceeded: Check = {
  name: 'program-succeeded',
  sentence: 'Every process of the program that nobody killed came to its end without a failure, and its own check found nothing.',
  check: ({ workload }) => {
    const result = programResultOf(workload);
    if (result === null) return unknown('No program of the user ran to its end.');
    const facts = { ends: result.ends, problems: result.problems };
    // What became of the check is told by what it found.
    const first = result.ends.find(({ phase, failure }) => failure !== null && phase !== 'check');
    if (first !== undefined) {
      return invalid(`${first.worker} on ${first.machine}, ${first.phase}: it ${first.failure}${saidBy(first)}.`, facts);
    }
    const check = result.ends.findLast(({ phase, failure }) => failure !== null && phase === 'check');
    const problem = check === undefined ? result.problems?.[0] : `${check.failure}${saidBy(check)}`;
    if (problem !== undefined) return invalid(`The program's own check: ${problem}${problem.endsWith('.') ? '' : '.'}`, facts);
    const driven = result.ends.filter(({ phase }) => phase === 'drive').length;
    if (driven === 0) return unknown('No process of the program came to its end.', facts);
    const checked = result.problems === null ? 'it has no check of its own' : 'its own check found nothing';
    return valid(`${driven} processes of the program came to their end without a failure; ${checked}.`, facts);
  },
};

/** Of a sentence: more of it stands beside it. */
const mostSaid = 200;

/** The last line that it printed, most often why. */
function saidBy({ output }: EndedProgram): string {
  const line = typeof output === 'string' ? output.trimEnd().split('\n').at(-1)!.trim() : '';
  if (line === '') return '';
  return `, and said last: ${line.length > mostSaid ? `${line.slice(0, mostSaid)}…` : line}`.replace(/\.$/, '');
}
