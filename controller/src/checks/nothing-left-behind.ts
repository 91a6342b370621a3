import { type Check, invalid, unknown, valid } from './check.ts';

export const nothingLeftBehind: Check = {
  name: 'nothing-left-behind',
  sentence: 'After the drain no worker runs on any machine, and no client stands in the pool.',
  check: ({ leftovers }) => {
    if (leftovers === null) return unknown('Nobody looked for what the run left.');
    const { found, unseen } = leftovers;
    if (found.length > 0) return invalid(`Left behind: ${found.join('; ')}.`, { found, unseen });
    if (unseen.length > 0) return unknown(`Could not be looked at: ${unseen.join('; ')}.`, { unseen });
    return valid('No worker runs any more, and nobody is in the pool.');
  },
};
