import { pingResultOf } from '../workload/result-of.ts';
import { type Check, invalid, unknown, valid } from './check.ts';

export const forgeriesRefused: Check = {
  name: 'forgeries-refused',
  sentence: 'The server refuses every request whose reference or length is forged, and serves on.',
  check: (evidence) => {
    const result = pingResultOf(evidence);
    if (result === null) return unknown('The workload `ping` gave no result.');
    const { sent, refused } = result.forged;
    if (sent === 0) return unknown('No forged request was sent.', result.forged);
    if (refused !== sent) return invalid(`${sent - refused} of ${sent} forged requests were not refused.`, result.forged);
    return valid(`All ${sent} forged requests were refused; the honest call after each was served.`, result.forged);
  },
};
