/** The first phases: workload and faults side by side, everybody leaves the pool, the dead are fenced and recovered. */
import { interruptedError } from '../../errors/interrupted.ts';
import { startRecovery } from '../../recovery/index.ts';
import { makeRoom, nextTicket } from '../read-history.ts';
import { savePool } from '../save-pool.ts';
import { StallWatch } from '../stall-watch.ts';
import { clearWorkers } from './clear-workers.ts';
import { collect } from './collect.ts';
import { recallCrew } from './past-run.ts';
import type { Run } from './run.ts';
import type { Telling } from './tell-run.ts';
import { workUnderFaults } from './work-under-faults.ts';

/** After the workload, for machines that ended at its end. */
const recoverWithinMs = 30_000;

/** What fails is noted in the run. Throws only when the operator interrupts, after everything was ended and kept. */
export async function execute(run: Run, telling: Telling): Promise<void> {
  const { signal } = run.options;
  try {
    await clearWorkers(run);
    makeRoomFor(run, telling);
    await recallCrew(run);
    const { fence, lease } = run.scenario.recovery;
    run.recovery = await startRecovery(run.options.pod, run.timeline, { fence, leaseMs: lease });
    watchStalls(run);
    await run.during('workload and faults', () => workUnderFaults(run));
  } catch (error) {
    run.fail(error);
  }
  await drain(run);
  await recoverTheDead(run);
  run.stalls?.close();
  if (!signal.aborted) return;
  await keepInterrupted(run);
  telling.forget();
  throw interruptedError(`run ${run.scenario.name}`);
}

/** Not where somebody was hired already: what that one has done stands in the history. */
function makeRoomFor(run: Run, telling: Telling): void {
  if (run.past !== null && run.past.hires.length > 0) return;
  const { paths, topology } = run.options.pod;
  makeRoom(paths.historyFile, topology.history.sizeBytes);
  // Again: until now, workers of an earlier run may have written.
  run.firstTicket = nextTicket(paths.historyFile);
  telling.now();
}

/** Only where somebody is to die: looking costs some of the cores. */
function watchStalls(run: Run): void {
  if (run.scenario.faults.length === 0) return;
  const { firstTicket, timeline, past } = run;
  const { paths, topology } = run.options.pod;
  const { machines } = topology;
  run.stalls = new StallWatch({
    ...{ historyFile: paths.historyFile, firstTicket, machines, timeline },
    past: past?.begun.stalls ?? null,
  });
}

async function drain(run: Run): Promise<void> {
  const how = run.options.signal.aborted ? 'kill' : 'graceful';
  try {
    const stubborn = await run.during('drain', () => run.crew.dismiss({ how }));
    run.stubborn = stubborn.length;
  } catch (error) {
    // What can still be read is read: it may tell why.
    run.fail(error);
  } finally {
    run.crew.close();
  }
}

async function recoverTheDead(run: Run): Promise<void> {
  run.phaseNow = 'fencing and recovering';
  const service = run.recovery;
  if (service === null) return;
  if (!run.options.signal.aborted) {
    await run.during('fence and recover', () => service.finish({ deadlineMs: recoverWithinMs }));
  }
  await service[Symbol.asyncDispose]();
}

/** What Ctrl-C leaves for whoever wonders why it took so long. */
async function keepInterrupted(run: Run): Promise<void> {
  const { pod, folder, say } = run.options;
  say(`keeping pool, history, logs: ${folder.path}`);
  await collect(run);
  await run.attempt('the image of the pool', () => savePool(pod.paths.poolFile, folder));
}
