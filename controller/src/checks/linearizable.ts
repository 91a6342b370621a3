import { kvProblems } from '@cxlpod/agent/kv';
import { type Check, invalid, unknown, valid } from './check.ts';

const namedProblems = 20;

export const linearizable: Check = {
  name: 'linearizable',
  sentence: 'Puts, gets and deletes of each key are in an order in which every get sees the last value, deaths included.',
  check: ({ history }) => {
    if (history === null) return unknown('The history could not be read.');
    const { records, overflow } = history;
    if (overflow > 0) return unknown(`${overflow} records found no room in the history.`, { overflow });
    const operations = records.filter((record) => record.kind === 'invoke' && record.operation.startsWith('kv-')).length;
    if (operations === 0) return unknown('The history has no operation on a store: the workload was not told to write it.');
    const problems = kvProblems(records, { loadedVersion: 1 });
    if (problems.length > 0) {
      return invalid(
        `No order explains the history: ${problems[0]}${problems.length > 1 ? `, and ${problems.length - 1} more` : ''}.`,
        {
          problems: problems.slice(0, namedProblems),
        },
      );
    }
    return valid(`${operations.toLocaleString('en-US')} operations have an order that explains all of them.`, { operations });
  },
};
