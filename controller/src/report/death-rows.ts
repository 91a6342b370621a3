/** Who died, for tables: suspected, end seen, fenced, recovered, and how long the survivors stood still. */
import type { RunRecord } from '../runs/run-record.ts';
import type { Stamp } from '../traces/align-clocks.ts';

export const deathHead = [
  'client',
  'machine',
  'suspected',
  'end seen',
  'fenced',
  'recovered',
  'longest stall of a survivor',
] as const;

export const deathNote =
  'Times since the client was last seen to do something, or, where it wrote nothing, since its first suspicion; of a worker on a living ' +
  'machine nobody has to be suspected. A stall is the time between two things that a survivor did; looked at every 20 ms.';

/** One row for each client whose recovery ended. */
export function deathRows({
  deaths = [],
  recoveries,
}: Pick<RunRecord, 'recoveries'> & { readonly deaths?: RunRecord['deaths'] }): string[][] {
  return deaths.map(({ id, incarnation, machine, lastSeenAt, recoveredAt, longestStall, unmeasured }) => {
    const outcome = recoveries.find((each) => each.id === id && each.incarnation === incarnation);
    const since = lastSeenAt ?? outcome?.suspectedAt ?? outcome?.endSeenAt ?? null;
    const after = (stamp: Stamp | null | undefined): string => {
      if (stamp === null || stamp === undefined) return '';
      return since === null ? 'yes' : `${Math.round((stamp.ns - since.ns) / 1e6)} ms`;
    };
    return [
      `${id}, incarnation ${incarnation}`,
      machine ?? '',
      ...[outcome?.suspectedAt, outcome?.endSeenAt, outcome?.fencedAt, recoveredAt].map(after),
      longestStall !== null
        ? `${longestStall.ms} ms (client ${longestStall.id} on ${longestStall.machine})`
        : unmeasured === true
          ? 'not measured: no survivor wrote a history'
          : 'nobody went on',
    ];
  });
}
