import { callsResultOf } from '../workload/result-of.ts';
import { type Check, invalid, unknown, valid } from './check.ts';
import { clientKey, endsByCall, invokesOf } from './read-calls.ts';
import { serverDeathsOf } from './the-dead.ts';

export const outcomeUnknownTyped: Check = {
  name: 'outcome-unknown-typed',
  sentence: 'Of each death of a server, exactly the call in flight is told that its outcome is unknown.',
  check: (evidence) => {
    const result = callsResultOf(evidence);
    if (result === null) return unknown('The workload `calls` gave no result.');
    if (evidence.history === null) return unknown('The history could not be read.');
    const deaths = serverDeathsOf(evidence);
    if (deaths.length === 0) return unknown('No server wrote last words, so no call was in flight at a known moment.');
    const { failures } = result;
    const stranger = failures.find(({ code }) => code !== 'OUTCOME_UNKNOWN' && code !== 'PEER_LOST');
    if (stranger !== undefined) {
      return invalid(`Call ${stranger.call} ended as ${stranger.code}, which a death of the server does not explain.`, {
        failures,
      });
    }
    const invokes = invokesOf(evidence.history.records).filter(({ operation }) => operation === 'rpc-call');
    const ends = endsByCall(evidence.history.records);
    const inFlight = deaths.map(({ ticket }) => invokes.filter((invoke) => invoke.ticket < ticket).at(-1) ?? null);
    const told = failures.filter(({ code }) => code === 'OUTCOME_UNKNOWN').map(({ call }) => call);
    const facts = { inFlight: inFlight.map((invoke) => invoke?.call ?? null), told, failures };
    for (const invoke of inFlight) {
      if (invoke === null) return unknown('A server died before any call was made.', facts);
      // Answered at the last moment: then the next call may have met the dead server, or none.
      if ((ends.get(clientKey(invoke)) ?? []).some(({ outcome }) => outcome === 'ok')) continue;
      if (!told.includes(invoke.call))
        return invalid(`Call ${invoke.call} was in flight and was not told OUTCOME_UNKNOWN.`, facts);
    }
    const suspects = inFlight.flatMap((invoke) => (invoke === null ? [] : [invoke.call, invoke.call + 1]));
    const wronged = told.find((call) => !suspects.includes(call));
    if (wronged !== undefined || told.length > deaths.length) {
      return invalid(`Told OUTCOME_UNKNOWN: ${told.join(', ')}; in flight: ${facts.inFlight.join(', ')}.`, facts);
    }
    if (told.length === 0) return unknown('The call in flight at each death was answered, so nobody was to be told.', facts);
    const refused = failures.length - told.length;
    return valid(
      `Told OUTCOME_UNKNOWN: call ${told.join(', ')}, which met the death of a server, and no other${
        refused > 0 ? `; ${refused} more were refused with PEER_LOST before they were sent` : ''
      }.`,
      facts,
    );
  },
};
