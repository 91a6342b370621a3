import { createFaults } from '../faults/index.ts';
import type { SeenExit } from '../runs/evidence.ts';
import { type Check, invalid, valid } from './check.ts';

/** Always checked: a worker that dies by itself has found a broken invariant, or is one. */
export const onlyPlannedDeaths: Check = {
  name: 'only-planned-deaths',
  sentence: 'No worker died but those that a fault killed.',
  check: ({ scenario, exits }) => {
    // Each fault kills so many: one death more of the same post is nobody's plan.
    const left = createFaults(scenario).map((fault) => ({ fault, kills: fault.kills ?? 1 }));
    const unplanned = exits.filter((exit) => {
      if (exit.asked) return false;
      const killer = left.find(({ fault, kills }) => kills > 0 && fault.explains?.(exit) === true);
      if (killer === undefined) return true;
      killer.kills--;
      return false;
    });
    if (unplanned.length > 0) {
      const named = unplanned.map(
        ({ worker, machine, signal, exitCode }) => `${worker} on ${machine} (${signal ?? `exit ${exitCode}`})`,
      );
      return invalid(`Died without being asked to: ${named.join(', ')}.`, { unplanned });
    }
    // How a worker ended that outlived its agent nobody was told; one that was not fenced has left.
    const hasLeft = (exit: SeenExit): boolean =>
      exit.exitCode === 0 || (exit.exitCode === null && exit.signal === null && exit.fenced === null);
    const failed = exits.filter((exit) => exit.asked && !hasLeft(exit));
    if (failed.length > 0) return invalid(`${failed.length} workers failed when they were asked to leave the pool.`, { failed });
    const planned = exits.filter((exit) => !exit.asked).length;
    return valid(`${exits.length} workers ended: ${exits.length - planned} left when asked, ${planned} by a fault.`, {
      exits: exits.length,
      planned,
    });
  },
};
